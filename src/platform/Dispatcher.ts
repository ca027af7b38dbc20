/**
 * Gives the requests of one listening server to an app. Requests that arrive before an app is served wait for one. If several
 * apps are served, the latest one gets the requests.
 *
 * @since 0.1.0
 */
import type { DoorExchange } from "../exchange/DoorExchange.js"

type Handler = (exchange: DoorExchange) => void

// The requests that have waited beside this one go on if the app throws.
const callHandler = (handler: Handler, exchange: DoorExchange): void => exchange.serve(handler)

/**
 * The apps of one listening server.
 *
 * @since 0.1.0
 * @category models
 */
export class Dispatcher {
  private stopped = false
  private readonly waiting = new Set<DoorExchange>()
  private handlers: ReadonlyArray<Handler> = []
  private handler: Handler | undefined = undefined

  /** Whether the last app has ended, and with it the server. */
  get isStopped(): boolean {
    return this.stopped
  }

  /** Gives a request to the latest app, or keeps it until there is one. */
  take(exchange: DoorExchange): void {
    if (this.handler !== undefined) return this.handler(exchange)
    this.waiting.add(exchange)
    exchange.whenConcluded(() => this.waiting.delete(exchange))
  }

  /** Begins to serve an app. */
  serve(handler: Handler): void {
    this.handlers = [...this.handlers, handler]
    this.handler = handler
    for (const exchange of this.waiting) if (!exchange.answerEnded) exchange.peer.run(callHandler, handler, exchange)
    this.waiting.clear()
  }

  /** Ends serving an app. Returns true if another one is still served. */
  remove(handler: Handler): boolean {
    this.handlers = this.handlers.filter((other) => other !== handler)
    this.stopped = this.handlers.length === 0
    // the last handler stays, because requests that arrive while the server stops are still answered
    if (!this.stopped) this.handler = this.handlers.at(-1)
    return !this.stopped
  }
}
