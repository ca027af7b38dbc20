/**
 * The claim of a connection to one of the server's places: it has none yet, has one, or no longer needs one. Also the request
 * that waits for it.
 *
 * @since 0.2.0
 */
import type { PlaceState, Session } from "../exchange/Session.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import type { Deadlines } from "./Deadlines.js"
import type { Http1Host } from "./Http1Host.js"

/**
 * @since 0.2.0
 * @category models
 */
export class PlaceClaim {
  private current: PlaceState = "Waiting"
  private waiting: RequestStart | undefined = undefined

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

  /** The request that waits for a place. */
  get request(): RequestStart | undefined {
    return this.waiting
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

  /** Called when the request no longer waits, because it begins or is refused. */
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
