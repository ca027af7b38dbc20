/**
 * Notifies systemd (sd_notify(3)) with the program `systemd-notify`, because Node has no unix datagram sockets. A failure is only
 * a debug line.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import { execFile } from "node:child_process"
import { Journal } from "./Journal.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Systemd {
  readonly ready: Effect.Effect<void>
  readonly reloading: Effect.Effect<void>
  readonly stopping: Effect.Effect<void>
  readonly watchdog: Effect.Effect<void>
  /** Milliseconds between two notifications of the watchdog; `undefined` without a watchdog. */
  readonly interval: number | undefined
}

/**
 * @param env the environment that the service manager has set
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (env: Readonly<Record<string, string | undefined>>): Effect.Effect<Systemd, never, Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    // notifications are sent one at a time, so that they arrive in order
    const inOrder = yield* Effect.makeSemaphore(1)
    const socket = env["NOTIFY_SOCKET"]
    const notify = (words: () => ReadonlyArray<string>): Effect.Effect<void> =>
      socket === undefined || socket === ""
        ? Effect.void
        : Effect.async<void, Error>((resume) => {
          execFile(
            "systemd-notify",
            [`--pid=${process.pid}`, ...words()],
            { env: { ...env }, timeout: 2000 },
            (error) => resume(error === null ? Effect.void : Effect.fail(error))
          )
        }).pipe(
          Effect.catchAll(({ message }) => journal.debug("systemd", `systemd was not told: ${message}`)),
          inOrder.withPermits(1)
        )
    const wanted = env["WATCHDOG_PID"] === undefined || Number(env["WATCHDOG_PID"]) === process.pid
    const microseconds = Number(env["WATCHDOG_USEC"])
    return {
      ready: notify(() => ["READY=1", "STATUS=serving"]),
      reloading: notify(() => ["RELOADING=1", `MONOTONIC_USEC=${process.hrtime.bigint() / 1000n}`, "STATUS=reloading"]),
      stopping: notify(() => ["STOPPING=1", "STATUS=stopping"]),
      watchdog: notify(() => ["WATCHDOG=1"]),
      interval: socket !== undefined && wanted && microseconds > 0 ? microseconds / 2000 : undefined
    }
  })
