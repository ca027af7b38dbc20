/**
 * The claim of a connection to one of the server's places: it has none yet, has one, or no longer needs one. Also the request
 * that waits for it.
 *
 * @since 0.2.0
 */
import type { PlaceState } from "../exchange/Session.js"
import type { RequestStart } from "../protocol/h1/requestReader.js"
import type { Deadlines } from "./Deadlines.js"

/**
 * @since 0.2.0
 * @category models
 */
export class PlaceClaim {
  private current: PlaceState = "Waiting"
  private waiting: RequestStart | undefined = undefined

  /** @param patience milliseconds that a request may wait */
  constructor(private readonly deadlines: Deadlines, private readonly patience: number) {}

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

  /** Called when a request has arrived, and there is no place for it. */
  await(request: RequestStart): void {
    this.waiting = request
    this.deadlines.requestCame()
    this.deadlines.await("Place", this.patience)
  }

  /** Called when the request no longer waits, because it begins or is refused. */
  awaitNoMore(): void {
    this.waiting = undefined
  }

  enter(): void {
    this.current = "Placed"
  }

  release(): void {
    this.current = "Released"
  }
}
