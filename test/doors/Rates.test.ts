/**
 * A least rate that is switched off has no effect, at some doors and with RUNS at every one; one that is on ends slow clients.
 * Both are tried at the same time: when the one has ended its client, the other has had as long.
 */
import { expect, it } from "vitest"
import { get, request } from "../utils/requests.js"
import { type Script, type Serve, someDoors } from "./everyDoor.js"

// this is more than the kernels of both sides hold
const large = Buffer.alloc(30_000_000, "x")

const both = async (serve: Serve, script: Script, rate: "body" | "download", on: number) => {
  const served = (least: number) =>
    serve(script, { rates: { [rate]: least, window: 40 }, sockets: true, timeouts: { grace: 0 } })
  return { off: await served(0), on: await served(on) }
}

it.each(someDoors)("%s: rates.body", async (_, serve) => {
  const served = await both(serve, ({ read }) => read(), "body", 1_000_000)
  await using off = served.off
  await using on = served.on
  for (const { client } of [off, on]) client.send(request("POST", "/", ["Content-Length: 2"], "a"))
  expect((await on.client.response()).status).toBe(408)
  off.client.send("b")
  expect((await off.client.response()).status).toBe(200)
})

it.each(someDoors)("%s: rates.download", async (_, serve) => {
  const served = await both(serve, () => large, "download", 1_000_000_000)
  await using off = served.off
  await using on = served.on
  for (const { client } of [off, on]) {
    client.pause()
    client.send(get("/", "Connection: close"))
  }
  expect((await on.records.first(1))[0].outcome).toMatchObject({ _tag: "Aborted", reason: "WriteTimeout" })
  for (const { client } of [on, off]) {
    client.resume()
    await client.whenEnded()
  }
  expect([on.client.received > large.length, off.client.received > large.length]).toEqual([false, true])
})
