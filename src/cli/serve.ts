/**
 * `tsgi serve`: binds, supervises, until it is told to stop.
 *
 * @since 0.2.0
 */
import * as Data from "effect/Data"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { Journal } from "./Journal.js"
import * as Listening from "./Listening.js"
import { makePlan } from "./makePlan.js"
import { PlanError } from "./Plan.js"
import type { Settings } from "./Settings.js"
import type { Signal } from "./Signals.js"
import type { Spawner } from "./Spawner.js"
import * as Supervisor from "./Supervisor.js"
import { plural } from "./values.js"
import { monotonic } from "./WorkerProcess.js"

/**
 * Why the command ends otherwise than as it was asked: one line, and the exit code.
 *
 * @since 0.2.0
 * @category errors
 */
export class CommandError extends Data.TaggedError("CommandError")<{
  readonly code: number
  readonly message: string
  readonly details?: string | undefined
}> {}

/**
 * Serves until it is told to stop; gives the exit code.
 *
 * @param app as it was given
 * @param reread the settings as they are at a reload
 *
 * @since 0.2.0
 * @category constructors
 */
export const serve = (
  app: string,
  settings: Settings,
  reread: Effect.Effect<Settings, PlanError>,
  signals: Queue.Dequeue<Signal>
): Effect.Effect<number, CommandError, Spawner | Journal> =>
  Effect.gen(function*() {
    const order = new Order(yield* Deferred.make<void>(), yield* Deferred.make<void>())
    yield* Effect.scoped(Effect.gen(function*() {
      const begun = yield* monotonic
      const journal = yield* Journal
      const env = { ...process.env }
      const listening = yield* Effect.mapError(
        Listening.make(settings),
        ({ message }) => new CommandError({ code: 5, message })
      )
      const planOf = (settings: Settings) => makePlan(app, settings, listening, env)
      const plan = yield* Effect.mapError(planOf(settings), ({ code, message }) => new CommandError({ code, message }))
      const supervisor = yield* Supervisor.make(
        Effect.flatMap(reread, (fresh) =>
          sameAddresses(settings, fresh)
            ? planOf(fresh)
            : Effect.fail(new PlanError({ code: 2, message: "restart to change where it listens" }))),
        plan
      )
      const addresses = listening.map(({ address }) => address)
      yield* journal.info("start", `listening on ${addresses.join(", ")}, ${plural(plan.workers, "worker")}, ${app}`, {
        addresses,
        workers: plan.workers
      })
      // it hears the second signal while the workers end
      yield* Effect.forkDaemon(Effect.forever(
        Effect.flatMap(Queue.take(signals), (signal) => obey(supervisor, order, signal))
      ))
      const serving = supervisor.start.pipe(
        Effect.mapError(({ error, slot }) =>
          new CommandError({
            code: exitCodes.get(error.reason) ?? 3,
            message: Supervisor.failedWords(slot, error),
            details: error.details
          })
        ),
        Effect.zipRight(
          Effect.flatMap(monotonic, (now) => journal.info("serving", `ready in ${Math.round(now - begun)} ms`))
        ),
        Effect.zipRight(Effect.mapError(supervisor.lost, ({ message }) => new CommandError({ code: 6, message })))
      )
      yield* Effect.raceFirst(serving, Deferred.await(order.stop))
      yield* supervisor.leaving("unready")
      if (settings.unready > 0) yield* Effect.race(Effect.sleep(settings.unready), Deferred.await(order.hurry))
      yield* supervisor.leaving("stopping")
      yield* journal.info("stop", "stopping", {})
    }))
    return order.code
  })

const exitCodes: ReadonlyMap<string, number> = new Map([["load", 4], ["options", 2], ["listen", 5]])

/** What was asked for while it runs. */
class Order {
  code = 0

  constructor(readonly stop: Deferred.Deferred<void>, readonly hurry: Deferred.Deferred<void>) {}
}

const obey = (supervisor: Supervisor.Supervisor, order: Order, signal: Signal): Effect.Effect<void> =>
  Effect.gen(function*() {
    switch (signal) {
      case "SIGTERM":
      case "SIGINT":
        if (yield* Deferred.succeed(order.stop, undefined)) return
        if (signal === "SIGTERM") return
        order.code = 130
        return yield* now(supervisor, order)
      case "SIGQUIT":
        return yield* now(supervisor, order)
      case "SIGHUP":
        return yield* Effect.asVoid(Effect.forkDaemon(supervisor.reload))
      case "SIGTTIN":
        return yield* Effect.asVoid(supervisor.scale(supervisor.facts.slots.length + 1))
      case "SIGTTOU":
        return yield* Effect.asVoid(supervisor.scale(supervisor.facts.slots.length - 1))
      case "SIGUSR2":
        return yield* supervisor.reopen
    }
  })

const now = (supervisor: Supervisor.Supervisor, order: Order): Effect.Effect<void> =>
  supervisor.leaving("stopping").pipe(
    Effect.zipRight(Deferred.succeed(order.hurry, undefined)),
    Effect.zipRight(Deferred.succeed(order.stop, undefined)),
    Effect.zipRight(supervisor.killAll)
  )

const sameAddresses = (one: Settings, other: Settings): boolean =>
  JSON.stringify([one.listen, one.backlog]) === JSON.stringify([other.listen, other.backlog])
