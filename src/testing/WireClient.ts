/**
 * A client that sends raw bytes and waits for what the test names: for tests of a server's behaviour on the wire.
 *
 * It does not judge: it sends the bytes it is given, malformed or not, and cuts what comes back into messages.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

/**
 * What carries the bytes: a socket, TLS, or memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface Channel {
  readonly write: (bytes: Uint8Array) => void
  /** Says that no more will be sent. */
  readonly end: () => void
  /** Closes at once, as `close(2)` does. */
  readonly close: () => void
  /** Closes with a reset. */
  readonly reset: () => void
  readonly pause: () => void
  readonly resume: () => void
  /** Bytes written that have not left this side yet. */
  readonly unsent: () => number
  /** Called once, before anything is delivered. */
  readonly receive: (
    events: { readonly data: (bytes: Uint8Array) => void; readonly end: () => void; readonly closed: () => void }
  ) => void
}

/**
 * A head as it came: status line and field lines, unchecked.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireHead {
  /** Such as `HTTP/1.1`. */
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  /** Values of a field, whatever its name's case. */
  readonly all: (name: string) => ReadonlyArray<string>
  /** The value of a field, the first one where there are several. */
  readonly get: (name: string) => string | undefined
  /** The head's bytes, latin-1, the empty line included. */
  readonly text: string
}

/**
 * A response with its whole body.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireResponse extends WireHead {
  /** Interim responses that came before the final head. */
  readonly interim: ReadonlyArray<WireHead>
  readonly body: Buffer
  /** The chunks of a chunked body, without the last one; empty otherwise. */
  readonly chunks: ReadonlyArray<Buffer>
  readonly trailers: ReadonlyArray<readonly [name: string, value: string]>
}

/**
 * The stream ended, or was closed, before the awaited bytes had come.
 * `cause` is the failure of the application, where `request` knows of one.
 *
 * @since 0.1.0
 * @category errors
 */
export class WireEnded extends Error {
  override readonly name = "WireEnded"

  constructor(readonly received: Buffer, options?: ErrorOptions) {
    super(`the stream ended; left unread: ${JSON.stringify(received.toString("latin1").slice(0, 400))}`, options)
  }
}

/**
 * A client that sends any bytes over a connection in memory, and reads the responses.
 *
 * @since 0.1.0
 * @category models
 */
export class WireClient implements AsyncDisposable {
  /** Bytes received so far, taken or not. */
  received = 0
  // joined when they are read: bytes may come one at a time
  private pieces: Array<Uint8Array> = []
  private available = 0
  private hasEnded = false
  private hasClosed = false
  private waiting: Array<() => void> = []

  constructor(private readonly channel: Channel) {
    channel.receive({
      data: (bytes) => {
        this.received += bytes.length
        this.available += bytes.length
        this.pieces.push(bytes)
        this.wake()
      },
      end: () => {
        this.hasEnded = true
        this.wake()
      },
      closed: () => {
        this.hasEnded = true
        this.hasClosed = true
        this.wake()
      }
    })
  }

  /** Sends bytes, or latin-1 text. */
  send(data: string | Uint8Array): void {
    this.channel.write(typeof data === "string" ? Buffer.from(data, "latin1") : data)
  }

  /** Says that no more will be sent; what is answered can still be read. */
  end(): void {
    this.channel.end()
  }

  /** Leaves, as `close(2)` does. */
  close(): void {
    this.channel.close()
  }

  /** Leaves with a reset. */
  reset(): void {
    this.channel.reset()
  }

  /** Stops reading, so that the server's writes pile up. */
  pause(): void {
    this.channel.pause()
  }

  resume(): void {
    this.channel.resume()
  }

  /** Everything up to and with `text`. */
  async until(text: string): Promise<Buffer> {
    let found = -1
    await this.when(() => (found = this.joined().indexOf(text, 0, "latin1")) >= 0)
    return this.take(found + Buffer.byteLength(text, "latin1"))
  }

  /** Exactly `length` bytes. */
  async bytes(length: number): Promise<Buffer> {
    await this.when(() => this.available >= length)
    return this.take(length)
  }

  /** At least one byte: whatever has come. */
  async some(): Promise<Buffer> {
    await this.when(() => this.available > 0)
    return this.take(this.available)
  }

  /** The next head, interim or final. */
  async head(): Promise<WireHead> {
    return parseHead((await this.until("\r\n\r\n")).toString("latin1"))
  }

  /** The next final response, with the interim ones before it. `method` tells whether there is a body. */
  async response(method = "GET"): Promise<WireResponse> {
    const interim: Array<WireHead> = []
    let head = await this.head()
    while (head.status < 200 && head.status !== 101) {
      interim.push(head)
      head = await this.head()
    }
    const content = await this.content(head, method)
    return { ...head, interim, ...content }
  }

  /** Everything until the server has said its end. */
  async all(): Promise<Buffer> {
    await this.whenEnded()
    return this.take(this.available)
  }

  /** Waits until the server has said its end (FIN, or a reset). */
  whenEnded(): Promise<void> {
    return this.wait(() => this.hasEnded)
  }

  /** Waits until the stream is gone both ways. */
  whenClosed(): Promise<void> {
    return this.wait(() => this.hasClosed)
  }

  /** Has the server said its end, as far as this side knows? */
  get ended(): boolean {
    return this.hasEnded
  }

  /** Bytes that were sent here and have not left: the server has stopped taking them. */
  get unsent(): number {
    return this.channel.unsent()
  }

  /** What has come and was not taken. */
  get unread(): Buffer {
    return this.joined()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
    await this.whenClosed()
  }

  private async content(
    head: WireHead,
    method: string
  ): Promise<Pick<WireResponse, "body" | "chunks" | "trailers">> {
    const none = { chunks: [], trailers: [] }
    if (method === "HEAD" || head.status === 204 || head.status === 304 || head.status === 101) {
      return { body: Buffer.alloc(0), ...none }
    }
    if (head.get("transfer-encoding") !== undefined) {
      const chunks: Array<Buffer> = []
      while (true) {
        const size = parseInt((await this.until("\r\n")).toString("latin1"), 16)
        if (size === 0) break
        chunks.push(await this.bytes(size))
        await this.bytes(2)
      }
      let section = (await this.until("\r\n")).toString("latin1")
      while (section !== "\r\n" && !section.endsWith("\r\n\r\n")) {
        section += (await this.until("\r\n")).toString("latin1")
      }
      return { body: Buffer.concat(chunks), chunks, trailers: parseFields(section) }
    }
    const length = head.get("content-length")
    return { body: length === undefined ? await this.all() : await this.bytes(Number(length)), ...none }
  }

  private take(length: number): Buffer {
    const all = this.joined()
    this.pieces = [all.subarray(length)]
    this.available -= length
    return all.subarray(0, length)
  }

  private joined(): Buffer {
    const [first] = this.pieces
    if (this.pieces.length === 1 && Buffer.isBuffer(first)) return first
    const all = Buffer.concat(this.pieces)
    this.pieces = [all]
    return all
  }

  private async when(ready: () => boolean): Promise<void> {
    await this.wait(() => ready() || this.hasEnded)
    if (!ready()) throw new WireEnded(this.joined())
  }

  private async wait(ready: () => boolean): Promise<void> {
    while (!ready()) await new Promise<void>((resolve) => this.waiting.push(resolve))
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}

const parseHead = (text: string): WireHead => {
  const end = text.indexOf("\r\n")
  const [version, status, ...reason] = text.slice(0, end).split(" ")
  const fields = parseFields(text.slice(end + 2))
  const all = (name: string): ReadonlyArray<string> =>
    fields.filter(([given]) => given.toLowerCase() === name.toLowerCase()).map(([, value]) => value)
  return { version, status: Number(status), reason: reason.join(" "), fields, all, get: (name) => all(name)[0], text }
}

const parseFields = (section: string): ReadonlyArray<readonly [string, string]> =>
  section.split("\r\n").filter((line) => line !== "").map((line) => {
    const colon = line.indexOf(":")
    return [line.slice(0, colon), line.slice(colon + 1).trim()] as const
  })
