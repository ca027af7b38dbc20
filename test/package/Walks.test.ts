/** The walks of src/README.md, against the sources and against requests that go them. */
import { build } from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { once } from "../utils/once.js"
import { run } from "../utils/processes.js"
import { linkPackages } from "../utils/programs.js"

const root = path.resolve(import.meta.dirname, "../..")

/** Each walk with its steps, in order. */
const walks = (() => {
  const text = fs.readFileSync(path.join(root, "src/README.md"), "utf8")
  const section = text.slice(text.indexOf("## Three walks"), text.indexOf("## Promises"))
  return section.split(/^\*\*/m).slice(1).map((walk) => ({
    name: walk.slice(0, walk.indexOf("**")),
    steps: [...walk.matchAll(/^\d+\. `(\w+)\.(\w+)`/gm)].map(([, object, method]) => ({ object, method }))
  }))
})()

/** The members of every class and interface, those of its base class included. */
const membersOf = (() => {
  const members = new Map<string, Set<string>>()
  const bases = new Map<string, string>()
  const visit = (node: ts.Node): void => {
    if (ts.isClassDeclaration(node) && node.name !== undefined) {
      members.set(node.name.text, new Set(node.members.map(({ name }) => name?.getText() ?? "")))
      for (const { expression } of node.heritageClauses?.[0]?.types ?? []) {
        if (node.heritageClauses?.[0]?.token === ts.SyntaxKind.ExtendsKeyword) {
          bases.set(node.name.text, expression.getText())
        }
      }
    }
    ts.forEachChild(node, visit)
  }
  for (const file of fs.readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue
    const text = fs.readFileSync(path.join(root, "src", file), "utf8")
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true))
  }
  const all = (name: string): ReadonlySet<string> =>
    new Set([...members.get(name) ?? [], ...bases.has(name) ? all(bases.get(name) ?? "") : []])
  return all
})()

describe("a walk of src/README.md", () => {
  it("is one of three", () => {
    expect(walks.map(({ steps }) => steps.length)).toEqual([7, 8, 7])
  })

  it.each(walks)("goes through what is there: $name", ({ steps }) => {
    for (const { method, object } of steps) expect([...membersOf(object)], object).toContain(method)
  })
})

/** What `package/crossings.ts` prints. */
const counts = async (): Promise<Record<string, { readonly calls: number; readonly way: ReadonlyArray<string> }>> => {
  const folder = await once("crossings", async (folder) => {
    linkPackages(folder)
    // without its packages: what it counts is compiled by itself, and shares them with it
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

const most: Readonly<Record<string, number>> = {
  "hello": 15,
  "hello, a post hook that is an Effect": 19,
  "a hello of the plain door": 21,
  "a 100, from the first read to the wire": 10
}

describe("a request on a warm connection", () => {
  // a change that raises a number has put an object on the way of every request
  it("crosses few objects", { timeout: 120_000 }, async () => {
    const found = await counts()
    expect(Object.keys(found)).toEqual(Object.keys(most))
    for (const [scene, { calls }] of Object.entries(found)) {
      expect(calls, scene).toBeGreaterThan(most[scene] / 2)
      expect(calls, scene).toBeLessThanOrEqual(most[scene])
    }
  })

  it.each([
    ["hello, a post hook that is an Effect", 1],
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
