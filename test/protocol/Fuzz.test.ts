/** Bytes at random keep the contract of test/fuzz/protocol.ts: a short run with one seed. */
import { expect, it } from "vitest"
import { fuzz } from "../fuzz/protocol.js"
import { runs } from "../utils/runs.js"

it("keeps the contract of the fuzzer, in a short run", () => {
  const most = runs(2_000).numRuns
  expect(fuzz(1, (runs) => runs < most)).toEqual({ runs: most, breach: undefined })
})
