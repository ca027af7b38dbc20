/**
 * The settings that a reload can change, and those that need a restart.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import { type PlanError, wrong } from "./Plan.js"
import type { Settings } from "./Settings.js"

/**
 * Fails if the settings need a restart: other addresses, or `--workers` from or to 0.
 *
 * @since 0.2.0
 * @category guards
 */
export const reloadable = (started: Settings, read: Settings): Effect.Effect<void, PlanError> =>
  differs(started, read, ["listen", "backlog"]).length > 0
    ? Effect.fail(wrong("restart to change where it listens"))
    : (started.workers === 0) !== (read.workers === 0)
    ? Effect.fail(wrong("changing --workers from or to 0 needs a restart"))
    : Effect.void

/**
 * A warning about changed settings that are only read at a start; `undefined` if there are none.
 *
 * @since 0.2.0
 * @category conversions
 */
export const unchangedWarning = (started: Settings, read: Settings): string | undefined => {
  const changed = differs(started, read, readAtStart)
  return changed.length === 0 ? undefined : `restart to change ${changed.join(", ")}: a reload does not`
}

const readAtStart = [
  "name",
  "control",
  "status",
  "pidFile",
  "unready",
  "watch",
  "log",
  "logLevel",
  "bindRetry"
] as const

const differs = <K extends keyof Settings>(one: Settings, other: Settings, keys: ReadonlyArray<K>): ReadonlyArray<K> =>
  keys.filter((key) => JSON.stringify(one[key]) !== JSON.stringify(other[key]))
