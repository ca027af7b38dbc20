/** An Effect app in a worker stops as a plain one does, as the supervisor asks for it, and reports what it has cut. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
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
  const opened = (value: Layer.Layer<never, unknown, HttpServer.HttpServer>, serve: Serve) =>
    open({ kind: "effect", value, warnings: [] }, serve, () => undefined)
  const late = Layer.scopedDiscard(
    Effect.forkScoped(Effect.delay(HttpServer.serveEffect(HttpServerResponse.text("a")), 50))
  )
  const nothing = Layer.effectDiscard(HttpServer.HttpServer)

  const afterwards = (pause: Effect.Effect<void>) =>
    Layer.scopedDiscard(Effect.forkScoped(
      Effect.zipRight(pause, HttpServer.serveEffect(HttpServerResponse.text("a")))
    ))
  // a callback that outlives the build has no fiber
  const byCallback = (pause: Promise<void>) =>
    Layer.scopedDiscard(Effect.gen(function*() {
      const runtime = yield* Effect.runtime<HttpServer.HttpServer | Scope.Scope>()
      const timer = setInterval(() => undefined, 1000)
      void pause.then(() => {
        clearInterval(timer)
        return Runtime.runPromise(runtime)(HttpServer.serveEffect(HttpServerResponse.text("a")))
      })
    }))
  const metricsPort = NodeHttpServer.layerServer(createServer, { port: 0, host: "127.0.0.1" })

  it.each([
    ["in a fiber", (pause: Promise<void>) => afterwards(Effect.promise(() => pause))],
    ["in a callback", byCallback],
    [
      "beside a port of its own",
      (pause: Promise<void>) =>
        Layer.merge(Layer.discard(Layer.fresh(metricsPort)), afterwards(Effect.promise(() => pause)))
    ]
  ])(
    "that does not serve yet, but will %s, is ready with a warning, and serves then",
    { timeout: 20_000 },
    async (_, late) => {
      const port = await freePort()
      const { open: serveNow, opened: pause } = gate()
      const serving = await opened(late(pause), serveAt(port))
      expect(serving.warnings).toEqual([
        expect.stringMatching(
          /^app\.mjs's default export is a Layer that serves nothing yet: .*HttpServer\.serve\(app\)/
        )
      ])
      await using client = await connect(port)
      client.send(get())
      serveNow()
      expect(await client.response()).toMatchObject({ status: 200 })
      client.close()
      await serving.stop({ settle: 0, spread: 0, grace: 0 })
    }
  )

  it("that serves nothing is not refused where fibers of others run in the process", { timeout: 20_000 }, async () => {
    const serving = await open(
      { kind: "effect", value: nothing, warnings: [] },
      serveAt(await freePort()),
      () => undefined
    )
    expect(serving.warnings).toHaveLength(1)
    await serving.stop({ settle: 0, spread: 0, grace: 0 })
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
