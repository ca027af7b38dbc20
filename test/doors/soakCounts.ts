/** Compares the counts of a soak's clients with those of its server. */
import { expect } from "vitest"
import type { Tally } from "./soakClients.js"
import { hooksEach } from "./soakDoors.js"

export const expectCounts = ({ calls, hooks, lines, outcomes, refusals, sent, wrong }: Tally): void => {
  expect(wrong).toEqual([])
  expect(lines).toBe(calls + refusals)
  expect(hooks).toBe(hooksEach * calls)
  expect(calls).toBeLessThanOrEqual(sent)
  expect(calls).toBeGreaterThan(sent / 2)
  for (const kind of ["Sent", "Failed", "Aborted ClientGone", "Refused SpaceBeforeColon"]) {
    expect([...outcomes.keys()]).toContain(kind)
  }
}
