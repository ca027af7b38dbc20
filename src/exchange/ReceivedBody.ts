/**
 * The body behind {@link RequestBody}, from which the application pulls and to which the session gives.
 *
 * @since 0.2.0
 */
import { type BodyEnd, type BodyPiece, emptyEnd } from "../protocol/bodyMessage.js"
import type { Failure } from "../protocol/failure.js"
import type { Fields } from "../protocol/fields.js"
import type { RequestBody } from "./RequestBody.js"
import { BodyError, bodyErrorFrom } from "./ServerError.js"

/**
 * A part of a body, its end, or the reason why it cannot be read.
 *
 * @since 0.2.0
 * @category models
 */
export type BodyMessage = BodyPiece | BodyEnd | Failure

/**
 * The source of a request body.
 *
 * @since 0.1.0
 * @category models
 */
export interface BodySource {
  /** Whether the body may be read on in this tick. If not, its `readOn` is called in the next one, so that others are served. */
  readonly mayRead: (body: ReceivedBody) => boolean
  /** The next message of the body, if its bytes have arrived. */
  readonly nextMessage: () => BodyMessage | undefined
  /** Whether no further byte will arrive. */
  readonly ended: boolean
  /** Called when the application begins to wait for bytes of this body, and when it no longer does. */
  readonly bodyAwaited: (body: ReceivedBody, awaited: boolean) => void
}

const noTrailers: Fields = []

/**
 * @since 0.2.0
 * @category models
 */
export class ReceivedBody implements RequestBody {
  private taken = 0
  private error: BodyError | undefined = undefined
  private waiting: Array<() => void> | undefined = undefined
  private onFirstRead: (() => void) | undefined = undefined
  private disconnected = false
  private resting = false
  private awaited = false

  constructor(
    private readonly source: BodySource,
    readonly isThere: boolean,
    readonly length: number | undefined,
    protected end: BodyEnd | undefined = undefined
  ) {}

  get bytes(): number {
    return this.taken
  }

  get complete(): boolean {
    return this.end !== undefined
  }

  get failed(): boolean {
    return this.error !== undefined
  }

  /** Whether the application waits for more of it. */
  get isAwaited(): boolean {
    return this.waiting !== undefined
  }

  get trailers(): Fields {
    return this.end?.trailers ?? noTrailers
  }

  take(): Uint8Array | BodyEnd | BodyError | undefined {
    if (this.error !== undefined) return this.error
    if (this.end !== undefined) return this.end
    if (this.onFirstRead !== undefined) {
      const { onFirstRead } = this
      this.onFirstRead = undefined
      onFirstRead()
    }
    if (!this.mayRead()) return undefined
    const message = this.source.nextMessage()
    if (message === undefined) {
      if (!this.source.ended && !this.disconnected) return undefined
      return this.error = new BodyError({
        reason: "Disconnected",
        status: 400,
        description: "the client left before the end of the body"
      })
    }
    switch (message._tag) {
      case "BodyPiece":
        this.taken += message.bytes.length
        return message.bytes
      case "BodyEnd":
        return this.end = message
      case "Failure":
        return this.error = bodyErrorFrom(message)
    }
  }

  /** Calls back before the first read. */
  beforeFirstRead(callback: () => void): void {
    this.onFirstRead = callback
  }

  mayRead(): boolean {
    this.resting = !this.source.mayRead(this)
    return !this.resting
  }

  /** Called when the next tick has begun. */
  readOn(): void {
    this.resting = false
    this.notify()
  }

  wait(callback: () => void): () => void {
    if (!this.resting && (this.end !== undefined || this.error !== undefined || this.disconnected)) {
      callback()
      return unneeded
    }
    if (this.waiting === undefined) this.waiting = [callback]
    else this.waiting.push(callback)
    if (!this.resting) this.await(true)
    return () => {
      const index = this.waiting?.indexOf(callback) ?? -1
      if (this.waiting === undefined || index < 0) return
      this.waiting.splice(index, 1)
      if (this.waiting.length > 0) return
      this.waiting = undefined
      this.await(false)
    }
  }

  private await(awaited: boolean): void {
    if (this.awaited === awaited) return
    this.awaited = awaited
    this.source.bodyAwaited(this, awaited)
  }

  /** Called when something has arrived: bytes, the end, or a failure. */
  notify(): void {
    const waiting = this.waiting
    if (waiting === undefined) return
    this.waiting = undefined
    this.await(false)
    for (const callback of waiting) callback()
  }

  /** Ends reading: `take` returns this error. */
  fail(error: BodyError): void {
    if (this.end === undefined) this.error ??= error
    this.notify()
  }

  /** Called when the client has left. What it has sent can still be read, and nothing follows. */
  disconnect(): void {
    this.disconnected = true
    this.notify()
  }

  /** Called when the answer and the application have ended: what was not read is dropped. */
  close(): void {
    // what a client has sent before it left can still be read
    if (this.end !== undefined || this.error !== undefined || this.disconnected) return
    this.fail(
      new BodyError({
        reason: "Closed",
        status: 500,
        description: "the request was answered, so its body can no longer be read"
      })
    )
  }
}

const unneeded = (): void => undefined

const nothing: BodySource = {
  mayRead: () => true,
  nextMessage: () => undefined,
  ended: true,
  bodyAwaited: () => undefined
}

/**
 * The body of every request that has none.
 *
 * @since 0.1.0
 */
export const noBody = new ReceivedBody(nothing, false, 0, emptyEnd)
