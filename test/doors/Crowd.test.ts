/**
 * Slow clients of one kind at a time, more than there are places: good requests are answered. The whole, of all kinds, two at a
 * time, and how soon, is `crowd.ts`.
 */
import { describe, expect, it } from "vitest"
import { askWell, inWords, kinds, SlowClients } from "./crowdClients.js"
import { doors } from "./crowdDoors.js"

const limits = { connections: 20, waitingConnections: 80 }
const names = ["half heads", "half upgrades", "stalled bodies", "stalled chunks", "silent", "idle", "unread answers"]

describe.each(Object.entries(doors))("slow clients at the door %s do not keep the places", (_, serve) => {
  it.each(names)("%s", async (name) => {
    const { port, stop } = await serve(false, { limits })
    const slow = new SlowClients([kinds[name]], { port, slow: 50, slowFrom: "127.0.0.1" })
    try {
      void slow.start()
      // a machine that does other work as well
      const figures = await askWell({ port, seconds: 1.5, rate: 8, patience: 10_000, goodFrom: "127.0.0.1" }, false)
      expect(figures.times.length, inWords(figures)).toBe(figures.asked)
    } finally {
      slow.stop()
      await stop()
    }
  }, 30_000)
})
