/**
 * The requests of one listening server: those that come before an app is served wait for it, unless they end before. Where
 * several apps are served, the latest that still is has them.
 *
 * @since 0.1.0
 */
import type { Exchange } from "../exchange/Exchange.js"

type Handler = (exchange: Exchange) => void

const enter = (handler: Handler, exchange: Exchange): void => handler(exchange)

/**
 * @since 0.1.0
 * @category models
 */
export class Dispatcher {
  /** Has the last app ended, and the server with it? */
  stopped = false
  private readonly early = new Set<Exchange>()
  private handlers: ReadonlyArray<Handler> = []
  private handler: Handler | undefined = undefined

  take(exchange: Exchange): void {
    if (this.handler !== undefined) return this.handler(exchange)
    this.early.add(exchange)
    // the one place for a callback is the handler's as soon as there is one
    exchange.whenSettled(() => this.early.delete(exchange))
  }

  serve(handler: Handler): void {
    this.handlers = [...this.handlers, handler]
    this.handler = handler
    for (const exchange of this.early) if (!exchange.over) exchange.peer.run(enter, handler, exchange)
    this.early.clear()
  }

  /** An app is served no longer. Is another? */
  leave(handler: Handler): boolean {
    this.handlers = this.handlers.filter((other) => other !== handler)
    this.stopped = this.handlers.length === 0
    // who comes while the server stops is still answered
    if (!this.stopped) this.handler = this.handlers.at(-1)
    return !this.stopped
  }
}
