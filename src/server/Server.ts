/**
 * The server: a listener, the connections it accepts, and the services they share, in one Scope.
 *
 * Closing the scope stops the server: see `Drain`.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import type * as Address from "../exchange/Address.js"
import { Alarm } from "../exchange/Alarm.js"
import type { Exchange } from "../exchange/Exchange.js"
import type { BindError } from "../exchange/ServerError.js"
import type { Session } from "../exchange/Session.js"
import type { Http1Host } from "../http1/Http1Carrier.js"
import { Http1Session } from "../http1/Http1Session.js"
import { SendBudget } from "../http1/SendBudget.js"
import { TickBatch } from "../http1/TickBatch.js"
import type { Transport } from "../http1/Transport.js"
import { AccessLog, type AccessRecord, none } from "./AccessLog.js"
import { Admission, lookPause } from "./Admission.js"
import { catchRejection } from "./catchRejection.js"
import { Drain, type StopOptions, stopOptions, type StopReport } from "./Drain.js"
import { failureText } from "./FailureText.js"
import * as Interim from "./InterimResponses.js"
import { type Bound, Listener } from "./Listener.js"
import { causeOf, logger } from "./logger.js"
import * as Hooks from "./Posthooks.js"
import { exchangeRecord, refusedRecord, statusOf } from "./records.js"
import * as Parser from "./RequestParser.js"
import { makeRunners } from "./runners.js"
import { ScopedSession } from "./ScopedSession.js"
import { type Config, ServerConfig } from "./ServerConfig.js"
import type { ServerMetrics } from "./ServerMetrics.js"
import { leastInterval, mostStale, statesOf, sweeper } from "./Sweep.js"
import { Tally } from "./Tally.js"
import * as Time from "./Time.js"

/**
 * Takes an exchange, when its request head is read. It must not throw.
 *
 * @since 0.1.0
 * @category models
 */
export type Handler = (exchange: Exchange) => void

/**
 * A server that is accepting.
 *
 * @since 0.1.0
 * @category models
 */
export interface Running {
  readonly address: Address.Address
  readonly scheme: "http" | "https"
  /** Open connections, and those waiting for room. */
  readonly connections: Effect.Effect<{ readonly open: number; readonly waiting: number }>
  /**
   * What it has counted.
   *
   * @since 0.2.0
   */
  readonly metrics: Effect.Effect<ServerMetrics>
  /**
   * Stops: see `Drain`. Stopping twice gives the first stop's report. Throws an `OptionError` for an option that is unknown
   * or invalid.
   */
  readonly stop: (options?: StopOptions) => Effect.Effect<StopReport>
  /** Waits until the server begins to stop. */
  readonly draining: Effect.Effect<void>
  /** Waits until the server has stopped, for whatever reason. */
  readonly stopped: Effect.Effect<StopReport>
}

/**
 * The services an engine needs beside its listener.
 *
 * @since 0.1.0
 * @category models
 */
export type Services = Parser.RequestParser | Interim.InterimResponses | Hooks.Posthooks | AccessLog

/**
 * The default services: there is no access log.
 *
 * @since 0.1.0
 * @category constructors
 */
export const services = (config: Config): Context.Context<Services> =>
  Context.make(Parser.RequestParser, Parser.make(config)).pipe(
    Context.add(Interim.InterimResponses, Interim.make()),
    Context.add(Hooks.Posthooks, Hooks.make()),
    Context.add(AccessLog, none)
  )

/**
 * {@link services}, with the {@link ServerConfig}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServices: Layer.Layer<Services> = Layer.effectContext(Effect.map(ServerConfig, services))

/**
 * Binds the listener and serves until the scope is closed, or `stop` is run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve = (
  handler: Handler,
  options?: {
    /** The address of an earlier binding, to take again. */
    readonly address?: Address.Address | undefined
  }
): Effect.Effect<
  Running,
  BindError,
  Scope.Scope | Listener | Services
> =>
  Effect.gen(function*() {
    const config = yield* ServerConfig
    const listener = yield* Listener
    const accessLog = yield* AccessLog
    const time = Time.make(yield* Effect.clock)
    const { fork, schedule } = yield* makeRunners
    const log = yield* logger
    // sockets live until the drain has ended, and not only as long as the fiber that started the server
    const sockets = yield* Scope.make()
    const write = guarded(accessLog.write, (error) => log("Error", "the access log failed", Cause.die(error)))
    const tally = new Tally()
    let connectionCount = 0

    const connections = new Admission(config, time, {
      begin: (transport) => begin(transport),
      crowded: (waiting) =>
        log(
          "Info",
          waiting
            ? `no room: connections wait, limits.connections is ${config.limits.connections}`
            : "room again: no connection waits"
        )
    })
    const drain = new Drain(connections, time, config.timeouts.hooks, () =>
      log(
        "Error",
        `a post hook or finalizer has not ended ${config.timeouts.hooks} ms after the stop: it is left behind`
      ))
    const sweep = sweeper(connections)
    const countSoon = (now: number): void => {
      if (now + mostStale < alarm.ringsAt) alarm.by(now + mostStale)
    }
    const alarm = new Alarm({
      time,
      schedule,
      ring: sweep.ring,
      interval: leastInterval(config)
    })

    const crowdAlarm = new Alarm({
      time,
      schedule,
      ring: (now) => {
        connections.look(now)
        return connections.nextLook(now)
      },
      interval: lookPause
    })

    const interimResponses = yield* Interim.InterimResponses
    const posthooks = yield* Hooks.Posthooks
    const host: Http1Host = {
      config,
      time,
      batch: new TickBatch(time),
      sendBudget: new SendBudget(),
      alarm,
      countSoon,
      handler,
      log,
      failureText: (failure) => failureText(causeOf(failure)),
      parser: yield* Parser.RequestParser,
      allowInterim: (...given) => interimResponses.prepare(...given),
      runHook: (hook, outcome, failed) => {
        try {
          return posthooks.run(hook, outcome, failed)
        } catch (error) {
          failed(error)
        }
      },
      scopeFor: (session) => new ScopedSession(session),
      mayPersist: () => (!drain.draining || drain.letsStay()) && !connections.isSoonAsked,
      mayStay: () => !drain.closesIdle && !connections.isAsked,
      record: (exchange, now) => {
        tally.exchangeOver(statusOf(exchange), exchange.wireBytes, now - exchange.startTime, exchange.outcome)
        if (write === undefined) return
        write(exchangeRecord(exchange, time))
      },
      refused: (peer, refused) => {
        tally.requestRefused(refused.error.reason, refused.wireBytes)
        log("Info", `refused (${peer.name}) ${refused.error.message}`)
        write?.(refusedRecord(peer, refused, time))
      },
      run: (effect, done, fiberRefs) => {
        fork(effect, fiberRefs).addObserver(drain.bound(done))
      },
      detach: () => drain.detach(),
      detachBriefly: () => drain.bound(drain.detach()),
      runDetached: (effect, fiberRefs) => {
        fork(effect, fiberRefs).addObserver(drain.bound(drain.detach()))
      },
      requestPlace: (session) => {
        connections.requestPlace(session)
        crowdAlarm.by(connections.nextLook(time.now()))
      },
      releasePlace: (session) => connections.releasePlace(session),
      ended: (session) => {
        connections.remove(session)
        countSoon(time.now())
        drain.removed(session)
      }
    }

    const begin = (transport: Transport): Session => {
      const connection = new Http1Session(++connectionCount, transport, host)
      drain.admitted()
      countSoon(connection.since)
      tally.connectionAccepted()
      log("Debug", () => `accepted (${connection.peer.name})`)
      return connection
    }

    const listening = yield* Scope.make()
    const bound: Bound = yield* listener.bind({
      accepted: (transport) => connections.admit(transport),
      lost: (error, remote) => {
        tally.connectionLost(error)
        if (remote === undefined) log("Error", `the listener failed: ${error.message}`)
        else log("Info", `lost (${remote}) ${error.message}`)
      },
      closed: () => {
        fork(Effect.zipRight(Effect.yieldNow(), stop({})), undefined)
      }
    }, {
      handshakeTimeout: config.timeouts.handshake,
      handshakes: config.limits.handshakes,
      address: options?.address
    }).pipe(
      Scope.extend(listening),
      Effect.onExit((exit) => Exit.isFailure(exit) ? Scope.close(listening, Exit.void) : Effect.void)
    )
    yield* Scope.addFinalizer(
      sockets,
      Effect.sync(() => {
        alarm.close()
        crowdAlarm.close()
        sweep.end()
      })
    )
    // closes the scope of each socket, while deadlines are still swept
    yield* Scope.addFinalizerExit(
      sockets,
      (exit) =>
        Effect.forEach([...connections], (connection) => {
          connection.abort("Stopped")
          return Scope.close(connection.scope.scope, exit)
        }, { concurrency: "unbounded", discard: true })
    )

    const report = yield* Deferred.make<StopReport>()
    const draining = yield* Deferred.make<void>()
    let stopping = false
    const stop = (asked: StopOptions): Effect.Effect<StopReport> =>
      Effect.suspend(() => {
        if (stopping) return Deferred.await(report)
        stopping = true
        const { farewell, grace, interrupt, settle } = config.timeouts
        drain.begin(asked.settle ?? settle, asked.spread)
        Deferred.unsafeDone(draining, Effect.void)
        return Scope.close(listening, Exit.void).pipe(
          // connections end all the same
          Effect.catchAllCause((cause) => Effect.sync(() => log("Error", "the listener could not be closed", cause))),
          Effect.zipRight(drain.run({ farewell, grace: asked.grace ?? grace, interrupt }, bound.arriving)),
          Effect.ensuring(Scope.close(sockets, Exit.void)),
          // no caller may wait for the report for ever
          Effect.onExit((exit) => Deferred.done(report, exit)),
          Effect.uninterruptible
        )
      })
    yield* Effect.addFinalizer(() => stop({}))

    return {
      address: bound.address,
      scheme: bound.scheme,
      connections: Effect.sync(() => ({ open: connections.size, waiting: connections.waitingSize })),
      metrics: Effect.sync(() => tally.metrics(statesOf(connections))),
      stop: (options) => stop(stopOptions(options)),
      draining: Deferred.await(draining),
      stopped: Deferred.await(report)
    }
  })

// A failing access log must not end the next request on the connection.
const guarded = (
  write: ((record: AccessRecord) => unknown) | undefined,
  failed: (error: unknown) => void
): ((record: AccessRecord) => void) | undefined =>
  write === undefined ? undefined : (record) => {
    try {
      catchRejection(write(record), failed)
    } catch (error) {
      failed(error)
    }
  }

/**
 * A report in a line, for the log.
 *
 * @since 0.1.0
 * @category conversions
 */
export const describe = (report: StopReport): string =>
  `${report.connections} connections: ${report.idle} idle, ${report.finished} finished, ` +
  `${report.interrupted} interrupted, ${report.cut} cut` +
  (report.left === 0 ? "" : `, ${report.left} hooks left behind`)
