/** Requests take the walks of src/README.md, and cross few objects. */
import { build } from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { tableOf } from "../utils/changes.js"
import { once } from "../utils/once.js"
import { run } from "../utils/processes.js"
import { linkPackages } from "../utils/programs.js"
import { walks } from "./walks.js"

const root = path.resolve(import.meta.dirname, "../..")

interface Counts {
  readonly calls: number
  readonly reads: number
  readonly makes: number
  readonly way: ReadonlyArray<string>
}

/** The output of `package/crossings.ts`. */
const counts = async (): Promise<Record<string, Counts>> => {
  const folder = await once("crossings", async (folder) => {
    linkPackages(folder)
    // it is compiled without its packages, because what it counts is compiled by itself, and shares them with it
    const program = path.join(folder, "crossings.mjs")
    await build({
      entryPoints: [path.join(root, "test/package/crossings.ts")],
      outfile: program,
      bundle: true,
      packages: "external",
      platform: "node",
      target: "node20",
      format: "esm"
    })
    const { code, stderr, stdout } = await run(process.execPath, [program], { cwd: root })
    if (code !== 0) throw new Error(stderr.join("\n"))
    fs.writeFileSync(path.join(folder, "counts.json"), stdout.join("\n"))
  })
  return JSON.parse(fs.readFileSync(path.join(folder, "counts.json"), "utf8")) as Awaited<ReturnType<typeof counts>>
}

/** The walks in the order of their table in src/README.md. */
const scenes = [
  "hello",
  "hello, a post hook that is an Effect",
  "hello, a post hook that runs in a fiber",
  "a hello of the plain door",
  "a 100, from the first read to the wire",
  "a chunk, from the socket to the application"
]

describe("a request on a warm connection", () => {
  // a change that raises a number has put an object into the path of every request
  it("crosses few objects", { timeout: 120_000 }, async () => {
    const found = await counts()
    const most = tableOf("Three walks", "##").map((row) => row.slice(1, 4).map(Number))
    expect(most).toHaveLength(scenes.length)
    expect(Object.keys(found)).toEqual(scenes)
    for (const [at, scene] of scenes.entries()) {
      const { calls, makes, reads } = found[scene]
      const [mostCalls, mostReads, mostMade] = most[at]
      expect(calls, scene).toBeGreaterThan(mostCalls / 2)
      expect(calls, scene).toBeLessThanOrEqual(mostCalls)
      expect(reads, scene).toBeLessThanOrEqual(mostReads)
      expect(makes, scene).toBeLessThanOrEqual(mostMade)
    }
  })

  it.each([
    ["a chunk, from the socket to the application", 0],
    ["hello, a post hook that is an Effect", 1],
    ["hello, a post hook that runs in a fiber", 1],
    ["a 100, from the first read to the wire", 2]
  ])("goes the way that is written: %s", { timeout: 120_000 }, async (scene, index) => {
    const { way } = (await counts())[scene]
    const steps = walks[index].steps.map(({ method, object }) => `${object}.${method}`)
    let at = -1
    for (const step of steps) {
      const next = way.indexOf(step, at + 1)
      expect(next, `${step} behind ${way[at] ?? "the beginning"}, in ${way.join(", ")}`).toBeGreaterThan(at)
      at = next
    }
  })
})
