/**
 * `tsgi/effect` with packages on which it does not run, or without any: one line names them, and says how to get the right ones.
 * The packages here only have a name and a version.
 */
import { build } from "esbuild"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { needed } from "../../src/platform/peers.js"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const root = fileURLToPath(new URL("../..", import.meta.url))
const execute = promisify(execFile)

// the entries as they are packed, with what is beside it left out
beforeAll(() =>
  build({
    absWorkingDir: root,
    entryPoints: ["src/checked.ts", "src/required.ts", "src/effect.ts"],
    outdir: path.join(folder, "built"),
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    external: ["effect", "@effect/platform", "@effect/platform-node"],
    logLevel: "error"
  })
)

type Packages = Readonly<Record<string, string>>

interface Told {
  readonly message: string
  readonly stack: string
}

/** The ways in which a program loads `tsgi/effect`: the file that it gets, and the expression that loads it. */
const ways = {
  import: (project: string) => `import("${project}/checked.js")`,
  require: (project: string) => `Promise.resolve().then(() => createRequire(import.meta.url)("${project}/required.js"))`
}

/** The message and the stack of its failure in projects with these packages, each with an entry of its own. */
const failuresOf = async (
  way: keyof typeof ways,
  projects: ReadonlyArray<Packages>
): Promise<ReadonlyArray<Told>> => {
  const projectsOf = `projects-${way}`
  for (const [i, packages] of projects.entries()) {
    const modules = path.join(folder, projectsOf, String(i), "node_modules")
    for (const [name, version] of Object.entries(packages)) {
      const directory = path.join(modules, name)
      fs.mkdirSync(directory, { recursive: true })
      fs.writeFileSync(path.join(directory, "index.js"), "export const nothing = undefined\n")
      fs.writeFileSync(
        path.join(directory, "package.json"),
        JSON.stringify({ name, version, type: "module", exports: { ".": "./index.js", "./*": "./index.js" } })
      )
    }
    fs.cpSync(path.join(folder, "built"), path.join(modules, "tsgi"), { recursive: true })
    fs.writeFileSync(path.join(modules, "tsgi/package.json"), JSON.stringify({ type: "module" }))
  }
  const loaded = projects.map((_, i) => ways[way](`./${projectsOf}/${i}/node_modules/tsgi`))
  const program = `import { createRequire } from "node:module"
const told = []
for (const load of [${loaded.map((load) => `() => ${load}`).join(", ")}]) {
  told.push(await load().then(
    () => ({ message: "it could be loaded", stack: "" }),
    ({ message, stack }) => ({ message, stack })
  ))
}
console.log(JSON.stringify(told))`
  fs.writeFileSync(path.join(folder, `${way}.mjs`), program)
  const { stdout } = await execute(process.execPath, [`${way}.mjs`], { cwd: folder })
  return JSON.parse(stdout) as ReadonlyArray<Told>
}

const remedy = "npm install effect@3 @effect/platform@0.97 @effect/platform-node@0.108"
const right = { "effect": "3.22.0", "@effect/platform": "0.97.1", "@effect/platform-node": "0.108.0" }

it("the checked entries have every name of the entry that they check, and know the peers as the package does", async () => {
  const { peerDependencies } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
    readonly peerDependencies: Readonly<Record<string, string>>
  }
  const [checked, effect] = await Promise.all([import("../../src/checked.js"), import("../../src/effect.js")])
  expect(Object.keys(checked).sort()).toEqual(Object.keys(effect).sort())
  // it requires a built file, so its names are read from the source
  const required = /^export const \{([^}]*)\}/m.exec(fs.readFileSync(path.join(root, "src/required.ts"), "utf8"))?.[1]
  expect(required?.match(/\w+/g)).toEqual(Object.keys(effect).sort())
  for (const [name, line] of Object.entries(needed)) {
    expect(peerDependencies[name]).toMatch(new RegExp(`^\\^${line.replaceAll(".", "\\.")}\\.\\d`))
  }
})

const incomplete: ReadonlyArray<readonly [what: string, packages: Packages, wrong: string]> = [
  [
    "nothing beside it",
    {},
    "effect is not installed, @effect/platform is not installed, @effect/platform-node is not installed"
  ],
  [
    "the next major",
    { "effect": "4.1.0", "@effect/platform-node": "4.1.0" },
    "effect is 4.1.0, @effect/platform is not installed, @effect/platform-node is 4.1.0"
  ],
  ["the major before", { ...right, effect: "2.4.19" }, "effect is 2.4.19"],
  ["a major that begins alike", { ...right, effect: "30.1.0" }, "effect is 30.1.0"],
  ["effect alone", { effect: "3.22.0" }, "@effect/platform is not installed, @effect/platform-node is not installed"],
  ["another line of the platform", { ...right, "@effect/platform": "0.96.0" }, "@effect/platform is 0.96.0"],
  ["another line for Node", { ...right, "@effect/platform-node": "0.109.0" }, "@effect/platform-node is 0.109.0"]
]

// versions of Node that cannot require an ES module say so themselves
const possible = Object.keys(ways).filter((way): way is keyof typeof ways =>
  way === "import" || Reflect.get(process.features, "require_module") === true
)

describe.each(possible)("what %s fails with", (way) => {
  let told: ReadonlyArray<Told>
  beforeAll(async () => {
    told = await failuresOf(way, [...incomplete.map(([, packages]) => packages), right])
  })

  it.each(incomplete.map(([what, , wrong], i) => [what, wrong, i] as const))(
    "is one line that says what is wrong, and the remedy: %s",
    (_, wrong, i) => {
      const message = `tsgi/effect needs Effect 3, but ${wrong}: ${remedy}`
      expect(told[i]).toEqual({ message, stack: `Error: ${message}` })
    }
  )

  it("is told as it is beside the right ones", () => {
    expect(told.at(-1)?.message).toMatch(/does not provide an export named/)
  })
})
