/**
 * A client for tests of a server's behaviour on the wire: it sends any bytes, malformed or not, and splits the received bytes
 * into messages without checking them.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

/**
 * The connection of a {@link WireClient}: a socket, TLS, or memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface Channel {
  readonly write: (bytes: Uint8Array) => void
  /** Closes the sending half. */
  readonly end: () => void
  /** Closes at once, as `close(2)` does. */
  readonly close: () => void
  /** Closes with a reset. */
  readonly reset: () => void
  readonly pause: () => void
  readonly resume: () => void
  /** Written bytes that have not left this side. */
  readonly unsent: () => number
  /** Begins delivery. It is called once. */
  readonly receive: (
    events: { readonly data: (bytes: Uint8Array) => void; readonly end: () => void; readonly closed: () => void }
  ) => void
}

/**
 * A head as received: status line and field lines, without checks.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireHead {
  /** The version, such as `HTTP/1.1`. */
  readonly version: string
  readonly status: number
  readonly reason: string
  readonly fields: ReadonlyArray<readonly [name: string, value: string]>
  /** The values of a field; its name in any case. */
  readonly all: (name: string) => ReadonlyArray<string>
  /** The first value of a field; its name in any case. */
  readonly get: (name: string) => string | undefined
  /** The bytes of the head as latin-1 text, with the empty line. */
  readonly text: string
}

/**
 * A response with its body.
 *
 * @since 0.1.0
 * @category models
 */
export interface WireResponse extends WireHead {
  /** The interim responses before the final head. */
  readonly interim: ReadonlyArray<WireHead>
  readonly body: Buffer
  /** The chunks of a chunked body, without the last, empty one; none for other bodies. */
  readonly chunks: ReadonlyArray<Buffer>
  readonly trailers: ReadonlyArray<readonly [name: string, value: string]>
}

/**
 * The error for a stream that has ended or was closed before the awaited bytes arrived. `cause` is the failure of the
 * application, if it is known.
 *
 * @since 0.1.0
 * @category errors
 */
export class WireEnded extends Error {
  override readonly name = "WireEnded"

  constructor(readonly received: Buffer, options?: ErrorOptions) {
    const unread = JSON.stringify(received.toString("latin1").slice(0, 400))
    super(
      `the connection was closed before the awaited bytes had come${
        received.length === 0 ? "" : `; unread: ${unread}`
      }`,
      options
    )
  }
}

/**
 * A client that sends any bytes and reads the responses.
 *
 * @since 0.1.0
 * @category models
 */
export class WireClient implements AsyncDisposable {
  private receivedBytes = 0
  // pieces are only joined when they are read, because bytes may arrive one at a time
  private pieces: Array<Uint8Array> = []
  private available = 0
  private hasEnded = false
  private hasClosed = false
  private waiting: Array<() => void> = []

  constructor(private readonly channel: Channel) {
    channel.receive({
      data: (bytes) => {
        this.receivedBytes += bytes.length
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

  /** Number of bytes received so far, taken or not. */
  get received(): number {
    return this.receivedBytes
  }

  /** Sends bytes, or latin-1 text. */
  send(data: string | Uint8Array): void {
    this.channel.write(typeof data === "string" ? Buffer.from(data, "latin1") : data)
  }

  /** Closes the sending half. Answers can still be read. */
  end(): void {
    this.channel.end()
  }

  /** Closes at once, as `close(2)` does. */
  close(): void {
    this.channel.close()
  }

  /** Closes with a reset. */
  reset(): void {
    this.channel.reset()
  }

  /** Stops reading, so that the server's writes must wait. */
  pause(): void {
    this.channel.pause()
  }

  resume(): void {
    this.channel.resume()
  }

  /** Takes all bytes up to `text`, including it. */
  async until(text: string): Promise<Buffer> {
    let found = -1
    await this.when(() => (found = this.joined().indexOf(text, 0, "latin1")) >= 0)
    return this.take(found + Buffer.byteLength(text, "latin1"))
  }

  /** Takes exactly `length` bytes. */
  async bytes(length: number): Promise<Buffer> {
    await this.when(() => this.available >= length)
    return this.take(length)
  }

  /** Takes all bytes that have arrived, at least one. */
  async some(): Promise<Buffer> {
    await this.when(() => this.available > 0)
    return this.take(this.available)
  }

  /** Takes the next head, interim or final. */
  async head(): Promise<WireHead> {
    return parseHead((await this.until("\r\n\r\n")).toString("latin1"))
  }

  /**
   * Takes the next final response, with the interim responses before it. `method` is that of the request, because the response to
   * HEAD has no body.
   */
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

  /** Takes all bytes until the server has closed its sending half. */
  async all(): Promise<Buffer> {
    await this.whenEnded()
    return this.take(this.available)
  }

  /** Waits until the server has closed its sending half (FIN) or has reset the connection. */
  whenEnded(): Promise<void> {
    return this.wait(() => this.hasEnded)
  }

  /** Waits until the stream is closed in both directions. */
  whenClosed(): Promise<void> {
    return this.wait(() => this.hasClosed)
  }

  /** Whether the server has closed its sending half, as far as this side knows. */
  get ended(): boolean {
    return this.hasEnded
  }

  /** Number of sent bytes that have not left this side, because the server does not read. */
  get unsent(): number {
    return this.channel.unsent()
  }

  /** The bytes that have arrived and were not taken. */
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
