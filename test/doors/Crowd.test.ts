/** Slow clients of one kind at a time, more than there are places: good requests are answered. The whole is `doors/crowd.ts`. */
import { describe, expect, it } from "vitest"
import { doors, inWords, kinds, measure } from "./crowd.js"

const limits = { connections: 20, waitingConnections: 40 }

describe.each(Object.entries(doors))("slow clients at the door %s do not keep the places", (_, serve) => {
  it.each(["half heads", "half upgrades", "stalled bodies", "silent", "idle"])("%s", async (name) => {
    const { port, stop } = await serve(false, { limits })
    try {
      const figures = await measure(kinds[name], {
        port,
        slow: 50,
        seconds: 1.5,
        rate: 10,
        // a machine that does other work as well
        patience: 10_000,
        slowFrom: "127.0.0.1",
        goodFrom: "127.0.0.1"
      })
      expect(figures.answered, inWords(figures)).toBe(figures.asked)
    } finally {
      await stop()
    }
  })
})
