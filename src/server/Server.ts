/**
 * The server: a listener, its connections and their services, in one Scope. Closing the scope stops the server: see `Drain`.
 *
 * @module
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import type * as Address from "../exchange/Address.js"
import type { Exchange } from "../exchange/Exchange.js"
import type { BindError } from "../exchange/ServerError.js"
import type { SessionHost } from "../exchange/Session.js"
import { type StopOptions, stopOptions, type StopReport } from "./Drain.js"
import { type Acceptor, type BoundListener, Listener } from "./Listener.js"
import type { ServerMetrics } from "./ServerMetrics.js"
import { bind, handshakesOf } from "./serviceCalls.js"
import type { Services } from "./Services.js"
import * as Sessions from "./Sessions.js"
import { statesOf } from "./Sweep.js"

export { layerServices, type Services, services } from "./Services.js"

/**
 * Takes an exchange when its request head is read. It must not throw; if it does, the exchange fails.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler = (exchange: Exchange) => void

/**
 * How to serve.
 *
 * @since 0.2.0
 * @category models
 */
export interface ServeOptions {
  /** The address of an earlier binding, to bind again. */
  readonly address?: Address.Address | undefined
}

/**
 * A server that is accepting.
 *
 * @since 0.1.0
 * @category models
 */
export interface Running {
  readonly address: Address.Address
  readonly scheme: "http" | "https"
  /** Numbers of connections that are open, and that wait for a place. */
  readonly connections: Effect.Effect<{ readonly open: number; readonly waiting: number }>
  /**
   * The counts since the start.
   *
   * @since 0.2.0
   */
  readonly metrics: Effect.Effect<ServerMetrics>
  /**
   * Stops the server: see `Drain`. A second stop returns the report of the first. Throws an `OptionError` for an option that is
   * unknown or invalid.
   */
  readonly stop: (options?: StopOptions) => Effect.Effect<StopReport>
  /** Waits until the server begins to stop. */
  readonly draining: Effect.Effect<void>
  /** Waits until the server has stopped for any reason. */
  readonly stopped: Effect.Effect<StopReport>
}

/**
 * Serves a door, as {@link serve} does a handler.
 *
 * @since 0.2.0
 * @category constructors
 */
export const serveDoor = (
  handler: SessionHost["handler"],
  options?: ServeOptions
): Effect.Effect<
  Running,
  BindError,
  Scope.Scope | Listener | Services
> =>
  Effect.gen(function*() {
    const listener = yield* Listener
    const sessions = yield* Sessions.make(handler)
    const { config, connections, counters } = sessions
    const listening = yield* Scope.make()
    const bound: BoundListener = yield* bind(listener, acceptor(sessions, () => stopping.stop({})), {
      handshakeTimeout: config.timeouts.handshake,
      handshakes: config.limits.handshakes,
      address: options?.address
    }).pipe(
      Scope.extend(listening),
      Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(listening, Exit.void) : Effect.void)
    )
    const stopping: Stopping = yield* makeStopping(sessions, bound, listening)
    yield* Effect.addFinalizer(() => stopping.stop({}))
    return {
      address: bound.address,
      scheme: bound.scheme,
      connections: Effect.sync(() => ({ open: connections.size, waiting: connections.waitingSize })),
      metrics: Effect.sync(() => counters.metrics(statesOf(connections))),
      stop: (options) => stopping.stop(stopOptions(options)),
      draining: stopping.draining,
      stopped: stopping.stopped
    }
  })

/**
 * Binds the listener and serves until the scope closes or `stop` is run. Fails with a `BindError` if the listener cannot be
 * bound.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve: (
  handler: Handler,
  options?: ServeOptions
) => Effect.Effect<Running, BindError, Scope.Scope | Listener | Services> = serveDoor

const acceptor = (
  { connections, counters, fork, log }: Sessions.Sessions,
  stop: () => Effect.Effect<unknown>
): Acceptor => ({
  accepted: (transport) => {
    try {
      connections.admit(transport)
    } catch (error) {
      log("Error", "a connection broke before it was served", error)
      connections.drop(transport, undefined)
    }
  },
  lost: (error, remote) => {
    counters.connectionLost(error)
    if (remote === undefined) log("Error", `the listener failed: ${error.message}`)
    else log("Info", `lost (${remote}) ${error.message}`)
  },
  closed: () => {
    fork(Effect.zipRight(Effect.yieldNow(), Effect.suspend(stop)), undefined)
  }
})

interface Stopping {
  readonly stop: (asked: StopOptions) => Effect.Effect<StopReport>
  readonly draining: Effect.Effect<void>
  readonly stopped: Effect.Effect<StopReport>
}

const makeStopping = (
  { alarms, config, connections, drain, log, losses }: Sessions.Sessions,
  bound: BoundListener,
  listening: Scope.CloseableScope
): Effect.Effect<Stopping> =>
  Effect.gen(function*() {
    const report = yield* Deferred.make<StopReport>()
    const draining = yield* Deferred.make<void>()
    // ends the connections that the drain has left; deadlines still ring meanwhile
    const endSockets = Effect.suspend(() =>
      Effect.forEach([...connections], (connection) => {
        connection.abort("Stopped")
        return Scope.close(connection.scope, Exit.void)
      }, { concurrency: "unbounded", discard: true })
    )
    let begun = false
    const stop = (asked: StopOptions): Effect.Effect<StopReport> =>
      Effect.suspend(() => {
        if (begun) return Deferred.await(report)
        begun = true
        const { farewell, grace, interrupt, settle } = config.timeouts
        drain.begin(asked.settle ?? settle, asked.spread)
        Deferred.unsafeDone(draining, Effect.void)
        return Scope.close(listening, Exit.void).pipe(
          // the connections are ended even if the listener cannot be closed
          Effect.catchAllCause((cause) => Effect.sync(() => log("Error", "the listener could not be closed", cause))),
          Effect.zipRight(drain.run({ farewell, grace: asked.grace ?? grace, interrupt }, handshakesOf(bound, log))),
          Effect.ensuring(endSockets),
          Effect.ensuring(Effect.sync(() => {
            alarms.close()
            losses.close()
          })),
          // every caller gets the report
          Effect.onExit((exit) => Deferred.done(report, exit)),
          Effect.uninterruptible
        )
      })
    return { stop, draining: Deferred.await(draining), stopped: Deferred.await(report) }
  })

/**
 * A report as one line, for the log.
 *
 * @since 0.1.0
 * @category conversions
 */
export const describe = (report: StopReport): string =>
  `${report.connections} ${report.connections === 1 ? "connection" : "connections"}: ${report.idle} idle, ` +
  `${report.finished} finished, ${report.interrupted} interrupted, ${report.cut} cut` +
  (report.left === 0 ? "" : `, ${report.left} ${report.left === 1 ? "hook" : "hooks"} given up`)
