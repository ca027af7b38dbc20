/**
 * The claim of a connection to one of the server's places: it has none yet, has one, or no longer needs one. Also the request
 * for which it is.
 *
 * @since 0.2.0
 */
import type { PlaceState, Session } from "../exchange/Session.js"
import type { Failure } from "../protocol/failure.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import type { Deadlines } from "./Deadlines.js"
import type { Http1Host } from "./Http1Host.js"
import type { Reader } from "./Reader.js"

/**
 * @since 0.2.0
 * @category models
 */
export class PlaceClaim {
  private current: PlaceState = "Waiting"
  private waiting: RequestStart | Failure | undefined = undefined

  constructor(
    private readonly session: Session,
    private readonly host: Pick<Http1Host, "config" | "requestPlace">,
    private readonly deadlines: Deadlines
  ) {}

  get state(): PlaceState {
    return this.current
  }

  get isPlaced(): boolean {
    return this.current === "Placed"
  }

  /** What was read before it is its turn; `undefined` if the reader has the next message. */
  get next(): RequestStart | Failure | undefined {
    return this.waiting
  }

  /** The request that was read, and waits for a place or for the hooks of the one before. */
  get request(): RequestStart | undefined {
    return this.waiting?._tag === "RequestStart" ? this.waiting : undefined
  }

  /**
   * Called between two requests, when the client sends no more. Returns true if it has left a whole request, for which the place
   * is kept.
   */
  isLeftBy(reader: Pick<Reader, "buffered" | "next">): boolean {
    if (this.waiting === undefined && reader.buffered > 0) {
      const message = reader.next()
      if (message?._tag === "RequestStart" || message?._tag === "Failure") this.waiting = message
    }
    return this.request !== undefined
  }

  /** Asks for a place for a request that has arrived. Returns true if there is one at once. */
  ask(request: RequestStart): boolean {
    this.waiting = request
    this.deadlines.requestCame()
    this.deadlines.await("Place", this.host.config.timeouts.place)
    this.askAgain()
    return this.isPlaced
  }

  /** Called when more of the request has arrived, for which places are given first. */
  askAgain(): void {
    this.host.requestPlace(this.session)
  }

  /** Called when what was read no longer waits, because it begins or is refused. */
  awaitNoMore(): void {
    this.waiting = undefined
  }

  enter(): void {
    this.current = "Placed"
  }

  /** Called when the connection has given its place up, and waits for another. */
  leave(): void {
    this.current = "Waiting"
  }

  release(): void {
    this.current = "Released"
  }
}
