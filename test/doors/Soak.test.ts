/** Some hundred requests of a soak; Soak.long.test.ts has thousands, and checks the memory that is held. */
import { expect, it } from "vitest"
import { expectReleased, holdings } from "../utils/holdings.js"
import { Soak } from "./soakClients.js"
import { expectCounts } from "./soakCounts.js"

it("keeps count of hundreds of requests of every kind, and lets all go", async () => {
  const before = holdings()
  const soak = new Soak({ requests: 200, seconds: 20, clients: 25, seed: 1 })
  await soak.start()
  await soak.run()
  await soak.settle()
  const report = await soak.runIntoStop({ requests: 100, seconds: 10 }, 0)
  await soak.settle()
  expectCounts(soak.tally)
  expect(report?.cut).toBe(0)
  await expectReleased(before)
})
