/**
 * Slow clients, more than there are places, of one kind at a time or of two: good requests are answered. The whole, and how soon,
 * is `crowd.ts`.
 */
import { describe, expect, it } from "vitest"
import { askWell, inWords, kinds, mixtures, SlowClients } from "./crowdClients.js"
import { doors } from "./crowdDoors.js"

const limits = { connections: 20, waitingConnections: 40, handshakes: 40 }
const rows = [...Object.keys(kinds).map((name) => [name]), ...mixtures]

describe.each(Object.entries(doors))("slow clients at the door %s do not keep the places", (_, serve) => {
  it.concurrent.each(rows.map((names) => [names.join(" and "), names] as const))("%s", async (_, names) => {
    const each = names.map((name) => kinds[name])
    const tls = each.some((kind) => kind.tls === true)
    const { port, stop } = await serve(tls, { limits })
    const slow = new SlowClients(each, { port, slow: 50, slowFrom: "127.0.0.1" })
    try {
      void slow.start()
      // a machine that does other work as well
      const figures = await askWell({ port, seconds: 1.5, rate: 8, patience: 10_000, goodFrom: "127.0.0.1" }, tls)
      expect(figures.times.length, inWords(figures)).toBe(figures.asked)
    } finally {
      slow.stop()
      await stop()
    }
  }, 30_000)
})
