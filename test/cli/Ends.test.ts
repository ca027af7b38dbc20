/**
 * The lines about workers that another process ends, and about those that the supervisor ends at once, on the clock of a test.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { scene } from "./scene.js"

const words = (lines: ReadonlyArray<string>): ReadonlyArray<string> => lines.map((line) => line.slice(25).trim())

it.effect("a worker that another process ends is said to be told before it is said to be gone, however fast it ends", () =>
  scene(
    { workers: 1 },
    (count) => count === 1 ? { toldAfter: 2000 } : {},
    ({ clock, lines, started }) =>
      Effect.gen(function*() {
        yield* started
        yield* clock.adjust("5 seconds")
        expect(words(lines).filter((line) => line.includes("worker 1 (1000)"))).toEqual([
          expect.stringMatching(/worker 1 \(1000\) ready/),
          expect.stringMatching(/worker 1 \(1000\) was told to end \(SIGTERM\), and is replaced$/),
          expect.stringMatching(/worker 1 \(1000\) exited with code 0 after 2\.\d s/)
        ])
      })
  ))

describe("a server that ends at once says what that cuts", () => {
  it.effect.each(
    [
      ["SIGQUIT", { workers: 2 }, 3, "2 workers are killed at once, with 6 requests under way"],
      ["SIGQUIT", { workers: 1 }, 1, "1 worker is killed at once, with 1 request under way"],
      ["SIGQUIT", { workers: 1 }, 0, "1 worker is killed at once"],
      ["SIGQUIT", { workers: 1, here: true }, 2, "the server ends at once, with 2 requests under way"]
    ] as const
  )(
    "%s, %j, %i requests of each",
    ([signalled, plan, active, line]) =>
      scene(plan, () => ({ active }), ({ clock, lines, signal, started }) =>
        Effect.gen(function*() {
          yield* started
          yield* clock.adjust("2 seconds")
          yield* signal(signalled)
          expect(words(lines).filter((said) => said.endsWith(line))).toHaveLength(1)
        }))
  )
})
