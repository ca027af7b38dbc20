/**
 * One line is all that changes: the same app on NodeHttpServer and on TsgiHttpServer, and whatever can be seen of it
 * from outside and from inside is the same, but for what `decisions.ts` lists. All exchanges of all scenes;
 * Differential.test.ts has an eighth of them.
 */
import { expect, it } from "vitest"
import { decisions } from "./decisions.js"
import { run, used } from "./differential.js"
import { scenes } from "./scenes/all.js"

// hundreds of exchanges in one test
const timeout = 120_000

it.each(scenes.map((scene) => [scene.name, scene] as const))("%s", async (_, scene) => {
  expect((await run(scene)).join("\n")).toBe("")
}, timeout)

it("every decision explains a difference", () => {
  const names: ReadonlyArray<string> = [...used]
  expect(Object.keys(decisions).filter((name) => !names.includes(name))).toEqual([])
})
