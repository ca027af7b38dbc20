import { expect, it } from "vitest"
import { fuzz } from "../fuzz/protocol.js"

it("keeps the contract of the fuzzer, in a short run", () => {
  expect(fuzz(1, (runs) => runs < 8000)).toEqual({ runs: 8000, breach: undefined })
})
