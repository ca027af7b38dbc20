/** A short soak; `npm run soak -- 5` is one of five minutes. */
import { describe, expect, it } from "vitest"
import { expectReleased, holdings } from "../utils/holdings.js"
import { program } from "../utils/made.js"
import { run } from "../utils/processes.js"
import { doors, heapUsed } from "./soak.js"
import { Soak } from "./soakClients.js"
import { expectCounts } from "./soakCounts.js"

/**
 * Bytes by which the heap grew in the round that added the least. A leak of requests adds to every round; the compiler and other
 * tests of the process only add to some.
 */
const leastGrowth = async (rounds: number, round: () => Promise<void>): Promise<number> => {
  let least = Infinity
  let heap = await heapUsed()
  for (let i = 0; i < rounds; i++) {
    await round()
    const now = await heapUsed()
    least = Math.min(least, now - heap)
    heap = now
  }
  return least
}

describe.each(Object.entries(doors))("%s", (_, door) => {
  it(
    "keeps count of thousands of requests of every kind, and holds nothing afterwards",
    { timeout: 60_000 },
    async () => {
      const before = holdings()
      const half = { requests: 600, seconds: 20 }
      const soak = new Soak({ ...half, clients: 50, seed: 1 }, door)
      await soak.start()
      await soak.run()
      await soak.settle()
      const growth = await leastGrowth(4, async () => {
        await soak.run()
        await soak.settle()
      })
      const report = await soak.runIntoStop({ requests: 300, seconds: 10 }, 0)
      await soak.settle()

      expectCounts(soak.tally)
      if (report === undefined) throw new Error("no report")
      expect(report.connections).toBe(report.idle + report.finished + report.interrupted)
      expect(report.cut).toBe(0)
      // a leak of a kilobyte for each request would show
      expect(growth).toBeLessThan(half.requests * 1024)
      await expectReleased(before)
    }
  )
})

// this runs in a separate process, because to collect all garbage of this one, as the soak does again and again, takes longer
// than the soak
it.concurrent.each(Object.keys(doors))(
  "a soak of three seconds holds, with its table: %s",
  { timeout: 100_000 },
  async (name) => {
    const { code, stderr, stdout } = await run(process.execPath, [await program("doors/soak"), "0.1", name, "2"], {
      cwd: import.meta.dirname
    })
    expect(code, [...stdout, ...stderr].join("\n")).toBe(0)
    const text = stdout.join("\n")
    expect(text).toContain("hooks expected, run")
    expect(text).toContain("  Sent")
  }
)
