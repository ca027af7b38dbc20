/**
 * One line is all that changes: the same app on NodeHttpServer and on TsgiHttpServer, and whatever can be seen of it
 * from outside and from inside is the same, but for what `decisions.ts` lists.
 */
import { afterAll, expect, it } from "vitest"
import { decisions } from "./decisions.js"
import { run, used } from "./differential.js"
import { httpApi, httpApiInLayerRouter, httpApiUnwrapped } from "./scenes/api.js"
import { middleware } from "./scenes/middleware.js"
import { responses } from "./scenes/responses.js"
import { httpLayerRouter, httpLayerRouterUnlogged, httpRouter } from "./scenes/routers.js"

const scenes = [
  responses,
  httpRouter,
  httpLayerRouter,
  httpLayerRouterUnlogged,
  httpApi,
  httpApiUnwrapped,
  httpApiInLayerRouter,
  ...middleware
]

it.each(scenes.map((scene) => [scene.name, scene] as const))("%s", async (_, scene) => {
  expect((await run(scene)).join("\n")).toBe("")
})

afterAll(() => {
  expect(Object.keys(decisions).filter((name) => !([...used] as Array<string>).includes(name))).toEqual([])
})
