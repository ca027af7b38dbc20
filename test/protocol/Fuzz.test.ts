/** Bytes at random keep the contract of test/fuzz/protocol.ts: a short run with one seed. */
import { expect, it } from "vitest"
import { fuzz, toReport } from "../fuzz/protocol.js"
import { runs } from "../utils/runs.js"

it("keeps the contract of the fuzzer, in a short run", { timeout: 30_000 * runs(1).numRuns }, () => {
  const most = runs(25_000).numRuns
  expect(toReport(1, fuzz(1, (runs) => runs < most))).toBe(`${most} runs, no breach (seed 1)`)
})
