/** The same app on NodeHttpServer and on TsgiHttpServer, is the same in an eighth of the exchanges of each scene. */
import { expect, it } from "vitest"
import { run } from "./differential.js"
import { scenes } from "./scenes/all.js"

it.each(scenes.map((scene) => [scene.name, scene] as const))("%s", async (_, scene) => {
  expect((await run(scene, 8)).join("\n")).toBe("")
})
