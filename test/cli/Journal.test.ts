/** The level decides which lines are written, and not which ones the status shows. */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import * as Journal from "../../src/cli/Journal.js"

it.each([["debug", 4], ["info", 3], ["warn", 2], ["error", 1]] as const)(
  "at the level %s, %i of four lines are written, and three are kept",
  async (least, count) => {
    const lines: Array<string> = []
    const journal = Journal.make({ format: "text", least, banner: false, pid: 1 }, (line) => lines.push(line))
    for (const level of ["debug", "info", "warn", "error"] as const) await Effect.runPromise(journal[level]("a", level))
    expect(lines).toHaveLength(count)
    expect((await Effect.runPromise(journal.newest)).map(({ text }) => text)).toEqual(["error", "warn", "info"])
  }
)

it.each([["info", ["w", "p", "c"]], ["warn", ["w"]], ["debug", ["a", "w", "p", "b", "c"]]] as const)(
  "at the level %s, a banner takes the place of what is told until the server serves, but for progress: %j are written",
  async (least, written) => {
    const lines: Array<string> = []
    const journal = Journal.make({ format: "text", least, banner: true, pid: 1 }, (line) => lines.push(line.slice(-1)))
    const notes = [
      journal.info("start", "a"),
      journal.warn("loopback", "w"),
      journal.info("starting", "p"),
      journal.info("serving", "b"),
      journal.info("change", "c")
    ]
    for (const note of notes) await Effect.runPromise(note)
    expect(lines).toEqual(written)
    expect((await Effect.runPromise(journal.newest)).map(({ text }) => text)).toEqual(["c", "b", "p", "w", "a"])
  }
)
