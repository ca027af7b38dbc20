/** An Effect app in a worker stops as a plain one does, as the supervisor asks for it, and reports what it has cut. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { createServer } from "node:http"
import { describe, expect, it } from "vitest"
import { open } from "../../src/cli/effectDoor.js"
import type { Serve } from "../../src/cli/messages.js"
import { gate } from "../utils/gate.js"
import { freePort } from "../utils/ports.js"
import { get } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"
import { plan } from "./scene.js"

const serveAt = (port: number): Serve => ({
  ...plan.assignment,
  type: "serve",
  app: { ...plan.assignment.app, interface: "effect" },
  listeners: [{ host: "127.0.0.1", port, backlog: 511, tls: undefined, proxy: undefined, proxyFrom: undefined }],
  slot: 1,
  generation: 1,
  tellAfter: 0,
  ticketKeys: new Uint8Array(48)
})

it("a stop has the times that it is given, and tells what it interrupted", async () => {
  const port = await freePort()
  const begun = gate()
  const app = Effect.zipRight(Effect.sync(begun.open), Effect.never)
  const serving = await open({ kind: "effect", value: app, warnings: [] }, serveAt(port), () => undefined)
  await using client = await connect(port)
  client.send(get())
  await begun.opened
  // the stop does not wait for the settings' grace of ten seconds
  expect(await serving.stop({ settle: 0, spread: 0, grace: 0 })).toMatchObject({ interrupted: 1, cut: 0 })
})

it.each([
  ["leave at once", 0, 8, 8],
  ["that is replaced leave one after the other", 20_000, 0, 3]
])("clients of one %s", async (_, spread, least, most) => {
  const port = await freePort()
  const value = HttpServerResponse.text("a")
  const serving = await open({ kind: "effect", value, warnings: [] }, serveAt(port), () => undefined)
  const clients = await Promise.all(
    Array.from({ length: 8 }, () => connect(port))
  )
  const ask = (client: typeof clients[number]) => {
    client.send(get())
    return client.response()
  }
  for (const client of clients) await ask(client)
  const stopping = serving.stop({ settle: 20_000, spread, grace: 0 })
  const answers = await Promise.all(clients.map(ask))
  const leaving = answers.filter(({ fields }) =>
    fields.some(([name, value]) => name === "Connection" && value === "close")
  )
  expect(leaving.length).toBeGreaterThanOrEqual(least)
  expect(leaving.length).toBeLessThanOrEqual(most)
  for (const client of clients) client.close()
  await stopping
})

describe("a Layer", () => {
  const app = HttpServer.serve(HttpServerResponse.text("a"))
  const opened = (value: Layer.Layer<never, unknown, HttpServer.HttpServer>, serve: Serve) =>
    open({ kind: "effect", value, warnings: [] }, serve, () => undefined)
  const elsewhere = Layer.provide(app, NodeHttpServer.layerServer(createServer, { port: 0, host: "127.0.0.1" }))
  const late = Layer.scopedDiscard(
    Effect.forkScoped(Effect.delay(HttpServer.serveEffect(HttpServerResponse.text("a")), 50))
  )
  const nothing = Layer.effectDiscard(HttpServer.HttpServer)

  it.each([
    ["that brings its own server", elsewhere],
    ["that serves nothing", nothing]
  ])("%s is refused, served or checked", { timeout: 20_000 }, async (_, layer) => {
    const serve = serveAt(await freePort())
    for (const each of [serve, { ...serve, listeners: [] }]) {
      await expect(opened(layer, each)).rejects.toThrow(
        /^app\.mjs's default export is a Layer that serves nothing here: .*leave .* out/
      )
    }
  })

  it("that serves in a fiber of its own is ready once it does", async () => {
    const port = await freePort()
    const serving = await opened(late, serveAt(port))
    await using client = await connect(port)
    client.send(get())
    expect(await client.response()).toMatchObject({ status: 200 })
    client.close()
    await serving.stop({ settle: 0, spread: 0, grace: 0 })
  })
})
