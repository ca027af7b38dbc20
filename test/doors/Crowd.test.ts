/**
 * With more slow clients of each kind than places, every good request is answered. `crowd.ts` has the whole, with two kinds at a
 * time and thousands of clients. Its bound, an answer within two seconds, is for separate processes. Here clients, four servers
 * and other tests share one or two processors, so the bound only finds clients that are forgotten.
 */
import { describe, expect, it } from "vitest"
import { askWell, inWords, kinds, SlowClients } from "./crowdClients.js"
import { doors } from "./crowdDoors.js"

const limits = { connections: 20, waitingConnections: 80 }

describe.each(Object.entries(doors))("slow clients at the door %s do not keep the places", (_, serve) => {
  it.concurrent.each(Object.entries(kinds))("%s", async (_, kind) => {
    const tls = kind.tls === true
    const { port, stop } = await serve(tls, limits)
    const slow = new SlowClients([kind], { port, slow: 30, slowFrom: "127.0.0.1" })
    try {
      void slow.start()
      const figures = await askWell({ port, seconds: 1, rate: 8, patience: 5_000, goodFrom: "127.0.0.1" }, tls)
      expect(figures.times.length, inWords(figures)).toBe(figures.asked)
    } finally {
      slow.stop()
      await stop(0)
    }
  }, 30_000)
})
