/**
 * `tsgi check`: loads settings and app in a worker that serves nothing and ends.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import { asCommandError } from "./BootError.js"
import { CommandError } from "./CommandError.js"
import { Journal } from "./Journal.js"
import { makePlan } from "./makePlan.js"
import type { Settings } from "./Settings.js"
import { warnOf } from "./settingsWarnings.js"
import type { Spawner } from "./Spawner.js"
import { random } from "./TicketKeys.js"
import * as WorkerProcess from "./WorkerProcess.js"

/**
 * Returns a line about the app. Fails with the exit code that `serve` would have.
 *
 * @since 0.2.0
 * @category constructors
 */
export const check = (app: string, settings: Settings): Effect.Effect<string, CommandError, Spawner | Journal> =>
  Effect.scoped(Effect.gen(function*() {
    const journal = yield* Journal
    yield* warnOf(settings)
    const plan = yield* Effect.mapError(
      makePlan(app, settings, [], { ...process.env }),
      ({ code, message }) => new CommandError({ code, message })
    )
    const worker = yield* WorkerProcess.make({
      slot: 1,
      generation: 0,
      child: plan.child,
      assignment: { ...plan.assignment, accessLog: "none" },
      timeouts: { ...plan.timeouts, settle: 0 },
      limits: { requests: 0, age: Infinity },
      ticketKeys: random,
      asks: () => Effect.void
    })
    yield* WorkerProcess.ready(worker)
    for (const warning of worker.warnings) yield* journal.warn("app", warning)
    return `${app} is ${kinds[worker.interface ?? "wsgi"]} app, loaded in ${worker.readyIn} ms`
  })).pipe(
    Effect.catchTag("BootError", (error) => asCommandError(1, error))
  )

const kinds = { effect: "an Effect", fetch: "a fetch", wsgi: "a WSGI" } as const
