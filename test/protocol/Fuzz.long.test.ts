/** Bytes at random keep the contract of test/fuzz/protocol.ts: some seconds, with another seed each time. */
import { expect, it } from "vitest"
import { fuzz, toReport } from "../fuzz/protocol.js"
import { runs } from "../utils/runs.js"

const seed = Date.now() % 2 ** 32

it(`keeps the contract of the fuzzer, with the seed ${seed}`, { timeout: 30_000 * runs(1).numRuns }, () => {
  const most = runs(100_000).numRuns
  expect(toReport(seed, fuzz(seed, (runs) => runs < most))).toBe(`${most} runs, no breach (seed ${seed})`)
})
