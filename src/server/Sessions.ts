/**
 * The sessions of one server, and the state that they share.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { AddressShare } from "../exchange/AddressShares.js"
import type { Clock } from "../exchange/Clock.js"
import type { Engine } from "../exchange/Engine.js"
import type { ServerReason, Session, SessionHost, Shared } from "../exchange/Session.js"
import { SendBudget } from "../transport/SendBudget.js"
import { TickBatch } from "../transport/TickBatch.js"
import type { Transport } from "../transport/Transport.js"
import { AccessLog } from "./AccessLog.js"
import { Admission } from "./Admission.js"
import * as Alarms from "./Alarms.js"
import { makeReader } from "./CheckedReader.js"
import { Counters } from "./Counters.js"
import { Drain } from "./Drain.js"
import { failureText } from "./FailureText.js"
import { InterimResponses } from "./InterimResponses.js"
import { causeOf, logger } from "./logger.js"
import { Losses } from "./Losses.js"
import { Posthooks } from "./Posthooks.js"
import { exchangeRecord, refusedRecord, statusOf } from "./records.js"
import { RequestParser } from "./RequestParser.js"
import { makeRunners, type Runners } from "./runners.js"
import { ServedScope } from "./ServedScope.js"
import { type Config, ServerConfig } from "./ServerConfig.js"
import { allowInterim, runHook, writeRecord } from "./serviceCalls.js"
import type { Services } from "./Services.js"
import { type Host, sessionFor } from "./sessionFor.js"
import * as Time from "./Time.js"

/**
 * The sessions of a server. A transport becomes a session when it is admitted to `connections`.
 *
 * @since 0.2.0
 * @category models
 */
export interface Sessions {
  readonly config: Config
  readonly connections: Admission
  readonly drain: Drain
  readonly alarms: Alarms.Alarms
  readonly counters: Counters
  readonly losses: Losses
  readonly log: Engine["log"]
  readonly fork: Runners["fork"]
}

/**
 * The sessions of a new server, which has none yet. `sessionOf` makes the session of an accepted transport.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  handler: SessionHost["handler"],
  sessionOf: typeof sessionFor = sessionFor
): Effect.Effect<Sessions, never, Services> =>
  Effect.gen(function*() {
    const config = yield* ServerConfig
    const time = Time.make(yield* Effect.clock)
    const { fork, schedule } = yield* makeRunners
    const log = yield* logger
    const connections: Admission = new Admission(
      config,
      time,
      (transport, share) => begin(transport, share),
      (waiting) =>
        log(
          "Info",
          waiting
            ? `at capacity: connections wait (limits.connections is ${config.limits.connections})`
            : "no longer at capacity"
        ),
      (remote, reason) => losses.add(remote, reason)
    )
    const counters = new Counters()
    const losses = new Losses(time, schedule, counters, log)
    const { hooks } = config.timeouts
    const drain = new Drain(
      connections,
      time,
      hooks,
      () =>
        log("Error", `a post hook or finalizer did not end within ${hooks} ms of the stop; the stop goes on without it`)
    )
    const alarms = Alarms.make(config, time, connections, schedule)
    const sessions: Sessions = { config, connections, drain, alarms, counters, losses, log, fork }
    const host = yield* makeHost(sessions, time, handler)
    let count = 0
    const begin = (transport: Transport, share: AddressShare | undefined): Session | undefined => {
      let session: Session
      try {
        session = sessionOf(++count, transport, host, share)
      } catch (error) {
        log("Error", "a connection broke before it was served", error)
        return undefined
      }
      drain.admitted(session)
      alarms.countSoon()
      counters.connectionAccepted()
      log("Debug", () => `accepted (${session.peer.name})`)
      return session
    }
    return sessions
  })

const makeHost = (
  { alarms, config, connections, counters, drain, fork, log }: Sessions,
  time: Clock,
  handler: SessionHost["handler"]
): Effect.Effect<Host, never, Services> =>
  Effect.gen(function*() {
    const accessLog = yield* AccessLog
    const interimResponses = yield* InterimResponses
    const parser = yield* RequestParser
    const posthooks = yield* Posthooks
    const write = writeRecord(accessLog, log)
    return {
      config,
      time,
      batch: new TickBatch(time),
      sendBudget: new SendBudget(),
      alarm: alarms.deadlines,
      countSoon: alarms.countSoon,
      handler,
      log,
      failureText: (failure) => failureText(causeOf(failure)),
      parser: { make: () => makeReader(parser) },
      allowInterim: allowInterim(interimResponses),
      runHook: runHook(posthooks),
      scopeFor: (session) => new ServedScope(session),
      closingWithAnswer: (session) => othersWait(connections, session),
      closingAfterAnswer: (session) => drain.closesIdle ? "the server stops" : othersWait(connections, session),
      record: (exchange, endTime) => {
        const { outcome, startTime, wireBytes } = exchange
        counters.exchangeOver(statusOf(exchange), wireBytes, endTime - startTime, outcome)
        if (write !== undefined) write(exchangeRecord(exchange, time))
      },
      refused: (peer, refused) => {
        counters.requestRefused(refused.error.reason, refused.wireBytes)
        log("Info", `refused (${peer.name}) ${refused.error.message}`)
        if (refused.line !== undefined) write?.(refusedRecord(peer, refused.line, refused, time))
      },
      run: (effect, done, fiberRefs) => whenEnded(fork(effect, fiberRefs), drain.bound(done), log),
      detach: () => drain.detach(),
      detachBriefly: () => drain.bound(drain.detach()),
      runDetached: (effect, fiberRefs) => whenEnded(fork(effect, fiberRefs), drain.bound(drain.detach()), log),
      requestPlace: (session) => {
        connections.requestPlace(session)
        alarms.lookSoon()
      },
      releasePlace: (session) => connections.releasePlace(session),
      returnPlace: (session) => connections.returnPlace(session),
      ended: (session) => {
        connections.remove(session)
        alarms.countSoon()
        drain.removed(session)
      }
    }
  })

// A fiber of a hook or of finalizers, whose failures were logged, unless a replaced service has let one through.
const whenEnded = (fiber: Fiber.RuntimeFiber<unknown>, ended: () => void, log: Engine["log"]): void =>
  fiber.addObserver((exit) => {
    if (Exit.isFailure(exit)) log("Error", "a post hook failed; the service Posthooks must not", exit.cause)
    ended()
  })

// no request waits while most answers are given
const othersWait = (connections: Admission, session: Shared): ServerReason | undefined =>
  connections.isAsked && connections.isAskedOf(session) ? "others wait for a place" : undefined
