/**
 * A least rate that is switched off has no effect, at some doors and with RUNS at every one; one that is on ends slow clients.
 */
import { describe, expect, it } from "vitest"
import { get, request } from "../utils/requests.js"
import { someDoors } from "./everyDoor.js"

// this is more than the kernels of both sides hold
const large = Buffer.alloc(30_000_000, "x")

const timeouts = { grace: 0 }

const pause = () => new Promise((resolve) => setTimeout(resolve, 200))

describe.each(someDoors)("%s", (_, serve) => {
  it.each([[0, 200], [1_000_000, 408]])("rates.body: %d", async (body, status) => {
    await using served = await serve(({ read }) => read(), { rates: { body, window: 40 }, sockets: true, timeouts })
    const { client } = served
    client.send(request("POST", "/", ["Content-Length: 2"], "a"))
    // five windows, in which what is switched off does nothing
    if (status === 200) {
      await pause()
      client.send("b")
    }
    expect((await client.response()).status).toBe(status)
  })

  it.each([[0, true], [1_000_000_000, false]])("rates.download: %d", async (download, isWhole) => {
    await using served = await serve(() => large, { rates: { download, window: 40 }, sockets: true, timeouts })
    const { client } = served
    client.pause()
    client.send(get("/", "Connection: close"))
    await pause()
    client.resume()
    await client.whenEnded()
    expect(client.received > large.length).toBe(isWhole)
  })
})
