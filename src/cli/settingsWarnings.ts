/**
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { Journal } from "./Journal.js"
import type { Settings } from "./Settings.js"

/**
 * Logs a warning for each setting that has no effect.
 *
 * @since 0.2.0
 * @category constructors
 */
export const warnOf = ({ warnings, watch }: Settings): Effect.Effect<void, never, Journal> =>
  Effect.flatMap(Journal, (journal) => {
    const absent = (watch?.paths ?? []).filter((path) => !Fs.existsSync(path))
      .map((path) => `--watch-path ${path} is not there: it is watched once it is`)
    return Effect.forEach([...warnings, ...absent], (line) => journal.warn("settings", line), { discard: true })
  })
