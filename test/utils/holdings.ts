/** What the process holds: handles, timers, requests, fibers and process listeners. */
import * as Fiber from "effect/Fiber"
import { expect } from "vitest"

export type Holdings = ReadonlyMap<string, number>

/** Counts by kind, such as `TCPSocketWrap`, `Timeout`, `fiber`, `on exit`. */
export const holdings = (): Holdings => {
  const counts = new Map<string, number>()
  const add = (kind: string, count = 1): void => void counts.set(kind, (counts.get(kind) ?? 0) + count)
  for (const kind of process.getActiveResourcesInfo()) add(kind)
  add("fiber", Fiber.unsafeRoots().length)
  for (const event of process.eventNames()) add(`on ${String(event)}`, process.listenerCount(event))
  return counts
}

/** A turn of the event loop, including its callbacks for closed handles. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const most = 2_000

/** Waits until nothing is held that was not held before. A handle is gone one turn after it was closed. */
export const expectReleased = async (before: Holdings): Promise<void> => {
  const begun = performance.now()
  let left: Record<string, number> = {}
  do {
    await turn()
    left = {}
    for (const [kind, count] of holdings()) {
      const more = count - (before.get(kind) ?? 0)
      // vitest has pipes and immediates of its own
      if (more > 0 && kind !== "Immediate") left[kind] = more
    }
  } while (Object.keys(left).length > 0 && performance.now() - begun < most)
  expect(left, "left behind").toEqual({})
}
