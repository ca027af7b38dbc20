/**
 * The same app on NodeHttpServer and on TsgiHttpServer, with one line changed: everything that can be seen from outside and from
 * inside is the same, but for what `decisions.ts` lists. These are all exchanges of all scenes; Differential.test.ts has an
 * eighth of them.
 */
import { expect, it } from "vitest"
import { decisions } from "./decisions.js"
import { run, used } from "./differential.js"
import { scenes } from "./scenes/all.js"

// a test has hundreds of exchanges
const timeout = 120_000

it.each(scenes.map((scene) => [scene.name, scene] as const))("%s", async (_, scene) => {
  expect((await run(scene)).join("\n")).toBe("")
}, timeout)

it("every decision explains a difference", () => {
  const names: ReadonlyArray<string> = [...used]
  expect(Object.keys(decisions).filter((name) => !names.includes(name))).toEqual([])
})
