/**
 * One line is all that changes: the same app on NodeHttpServer and on TsgiHttpServer, and whatever can be seen of it
 * from outside and from inside is the same, but for what `decisions.ts` lists.
 */
import { expect, it } from "vitest"
import { decisions } from "./decisions.js"
import { run, type Scene, used } from "./differential.js"
import { httpApi, httpApiInLayerRouter, httpApiUnwrapped } from "./scenes/api.js"
import { bodies } from "./scenes/bodies.js"
import { middleware } from "./scenes/middleware.js"
import { responses } from "./scenes/responses.js"
import { httpLayerRouter, httpLayerRouterUnlogged, httpRouter } from "./scenes/routers.js"
import { rpc, webSockets } from "./scenes/sockets.js"
import { bounded, pipelines, streams } from "./scenes/streams.js"
import { tracing } from "./scenes/tracing.js"

const scenes: ReadonlyArray<Scene> = [
  responses,
  bodies,
  streams,
  pipelines,
  bounded,
  httpRouter,
  httpLayerRouter,
  httpLayerRouterUnlogged,
  httpApi,
  httpApiUnwrapped,
  httpApiInLayerRouter,
  ...middleware,
  ...tracing,
  ...webSockets,
  ...rpc
]

// hundreds of exchanges in one test
const timeout = 120_000

it.each(scenes.map((scene) => [scene.name, scene] as const))("%s", async (_, scene) => {
  expect((await run(scene)).join("\n")).toBe("")
}, timeout)

it("every decision explains a difference", () => {
  const names: ReadonlyArray<string> = [...used]
  expect(Object.keys(decisions).filter((name) => !names.includes(name))).toEqual([])
})
