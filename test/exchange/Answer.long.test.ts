/** An answer changes by any three calls of all that an exchange has as its table in src/README.md says, and in no other way. */
import { expect, it } from "vitest"
import { inTable, walk } from "./answerWalk.js"

it("an answer changes as the table says, and in no other way, by any three calls", { timeout: 120_000 }, async () => {
  const walked = await walk(() => true)
  expect(walked.wrong).toEqual([])
  expect(walked.changes).toEqual(inTable)
})
