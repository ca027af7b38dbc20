/** Metrics of an Effect app that several workers have counted, each in a process of its own. */
import * as fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse, totalOf } from "../utils/prometheus.js"
import { get, portOf } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

describe("an Effect app", { timeout: 60_000 }, () => {
  let folder: string
  beforeAll(async () => {
    folder = await folderWithCommand("metrics")
  }, 60_000)
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  it("has its own metrics told with those of the server, over a kill and a reload", async () => {
    write(
      folder,
      "app.mjs",
      `import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
const orders = Metric.counter("orders", { description: "Orders taken", incremental: true })
export default Effect.as(Metric.increment(Metric.tagged(orders, "shop", "a \\"b\\"")), HttpServerResponse.text(String(process.pid)))`
    )
    await using program = tsgi(
      folder,
      ..."serve app.mjs -w 2 -p 0 --access-log none --settle 0s --status 127.0.0.1:0".split(" ")
    )
    const port = await portOf(program)
    const [, status] = await program.line(/status at http:\/\/127\.0\.0\.1:(\d+)/)
    const order = async (): Promise<number> => Number((await get(port)).replace("200 ", ""))
    const read = async () => parse(await (await fetch(`http://127.0.0.1:${status}/metrics`)).text())
    const orders = async (): Promise<number> => totalOf(await read(), "orders_total")
    let pid = 0
    for (let i = 0; i < 10; i++) pid = await order()
    await expect.poll(orders, { timeout: 10_000 }).toBe(10)
    expect((await read()).get("orders_total")).toMatchObject({ type: "counter", help: "Orders taken" })
    process.kill(pid, "SIGKILL")
    await program.line(new RegExp(`\\(${pid}\\) was killed by SIGKILL`))
    expect(await orders()).toBe(10)
    program.kill("SIGHUP")
    await program.line(/reloaded in/)
    expect(await orders()).toBe(10)
    await order()
    await expect.poll(orders, { timeout: 10_000 }).toBe(11)
    // the engine's counts, which are in Effect's registry too, are there only once
    expect(totalOf(await read(), "tsgi_requests_total")).toBe(11)
  })
})
