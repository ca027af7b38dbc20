/** A plain app in a worker: the metrics that the worker reports are the app's own. */
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as tsgi from "tsgi"
import { expect, it } from "vitest"
import type { Serve } from "../../src/cli/messages.js"
import { open } from "../../src/cli/plainDoor.js"
import { freePort } from "../utils/ports.js"
import { plan } from "./scene.js"

it("has its own metrics told, and not the fibers of the engine", async () => {
  const serve: Serve = {
    ...plan.assignment,
    type: "serve",
    options: { logOutput: false },
    listeners: [{
      host: "127.0.0.1",
      port: await freePort(),
      backlog: 511,
      tls: undefined,
      proxy: undefined,
      proxyFrom: undefined
    }],
    slot: 1,
    generation: 1,
    tellAfter: 0,
    ticketKeys: new Uint8Array(48)
  }
  await Effect.runPromise(Effect.zipRight(Metric.increment(Metric.counter("plain_orders")), Effect.yieldNow()))
  const app: tsgi.App = (_env, startResponse) => {
    startResponse("200 OK", [])
    return ""
  }
  const serving = await open(tsgi)({ kind: "wsgi", value: app, warnings: [] }, serve, () => undefined)
  const names = serving.series().map(({ name }) => name)
  expect(tsgi.applicationMetrics().map(({ name }) => name)).toContain("effect_fiber_started")
  expect(names).toContain("plain_orders")
  expect(names.filter((name) => name.startsWith("effect_"))).toEqual([])
  await serving.stop({ settle: 0, spread: 0, grace: 0 })
})
