/**
 * `tsgi/effect` and `tsgi/cluster` with packages on which they do not run, or without any: one line names them, and says how to
 * get the right ones.
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
import { needed, neededByCluster } from "../../src/platform/peers.js"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const root = fileURLToPath(new URL("../..", import.meta.url))
const execute = promisify(execFile)

// the entries as they are packed, with what is beside it left out
beforeAll(() =>
  build({
    absWorkingDir: root,
    entryPoints: ["checked", "required", "effect", "checkedCluster", "requiredCluster", "cluster"].map((name) =>
      `src/${name}.ts`
    ),
    outdir: path.join(folder, "built"),
    bundle: true,
    splitting: true,
    platform: "node",
    format: "esm",
    external: Object.keys(neededByCluster),
    logLevel: "error"
  })
)

type Packages = Readonly<Record<string, string>>

interface Told {
  readonly message: string
  readonly stack: string
}

/** The files that a program gets of each entry. */
const files = {
  "tsgi/effect": { import: "checked.js", require: "required.js" },
  "tsgi/cluster": { import: "checkedCluster.js", require: "requiredCluster.js" }
}
type Entry = keyof typeof files
const entries = Object.keys(files).filter((name): name is Entry => name in files)

/** The ways in which a program loads an entry, as expressions. */
const ways = {
  import: (file: string) => `import("${file}")`,
  require: (file: string) => `Promise.resolve().then(() => createRequire(import.meta.url)("${file}"))`
}

/** The message and the stack of its failure in projects with these packages, each with an entry of its own. */
const failuresOf = async (
  entry: Entry,
  way: keyof typeof ways,
  projects: ReadonlyArray<Packages>
): Promise<ReadonlyArray<Told>> => {
  const projectsOf = `projects-${path.basename(entry)}-${way}`
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
  const loaded = projects.map((_, i) => ways[way](`./${projectsOf}/${i}/node_modules/tsgi/${files[entry][way]}`))
  const program = `import { createRequire } from "node:module"
const told = []
for (const load of [${loaded.map((load) => `() => ${load}`).join(", ")}]) {
  told.push(await load().then(
    () => ({ message: "it could be loaded", stack: "" }),
    ({ message, stack }) => ({ message, stack })
  ))
}
console.log(JSON.stringify(told))`
  fs.writeFileSync(path.join(folder, `${projectsOf}.mjs`), program)
  const { stdout } = await execute(process.execPath, [`${projectsOf}.mjs`], { cwd: folder })
  return JSON.parse(stdout) as ReadonlyArray<Told>
}

const remedy = "npm install effect@3 @effect/platform@0.97 @effect/platform-node@0.108"
const remedies = {
  "tsgi/effect": remedy,
  "tsgi/cluster": `${remedy} @effect/cluster@0.60 @effect/rpc@0.76 @effect/sql@0.52`
}
const right = { "effect": "3.22.0", "@effect/platform": "0.97.1", "@effect/platform-node": "0.108.0" }
const cluster = { "@effect/cluster": "0.60.2", "@effect/rpc": "0.76.2", "@effect/sql": "0.52.1" }

it("the checked entries have every name of the entry that they check, and know the peers as the package does", async () => {
  const { peerDependencies } = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
    readonly peerDependencies: Readonly<Record<string, string>>
  }
  for (
    const [entry, checked, whole] of [
      ["required", await import("../../src/checked.js"), await import("../../src/effect.js")],
      ["requiredCluster", await import("../../src/checkedCluster.js"), await import("../../src/cluster.js")]
    ] as const
  ) {
    expect(Object.keys(checked).sort()).toEqual(Object.keys(whole).sort())
    // it requires a built file, so its names are read from the source
    const source = fs.readFileSync(path.join(root, `src/${entry}.ts`), "utf8")
    expect(/^export const \{([^}]*)\}/m.exec(source)?.[1].match(/\w+/g)).toEqual(Object.keys(whole).sort())
  }
  for (const [name, line] of Object.entries({ ...needed, ...neededByCluster })) {
    expect(peerDependencies[name]).toMatch(new RegExp(`^\\^${line.replaceAll(".", "\\.")}\\.\\d`))
  }
})

type Incomplete = ReadonlyArray<readonly [what: string, packages: Packages, wrong: string]>
const withoutEffect: Incomplete = [
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
const incomplete: Readonly<Record<Entry, Incomplete>> = {
  "tsgi/effect": withoutEffect,
  "tsgi/cluster": [
    [
      "Effect alone",
      right,
      "@effect/cluster is not installed, @effect/rpc is not installed, @effect/sql is not installed"
    ],
    ["no storage", { ...right, ...cluster, "@effect/sql": "0.51.0" }, "@effect/sql is 0.51.0"],
    ...withoutEffect.slice(2).map(([what, packages, wrong]) => [what, { ...cluster, ...packages }, wrong] as const)
  ]
}

// versions of Node that cannot require an ES module say so themselves
const possible = Object.keys(ways).filter((way): way is keyof typeof ways =>
  way === "import" || Reflect.get(process.features, "require_module") === true
)

describe.each(entries.flatMap((entry) => possible.map((way) => [way, entry] as const)))(
  "what %s of %s fails with",
  (way, entry) => {
    let told: ReadonlyArray<Told>
    beforeAll(async () => {
      const whole = entry === "tsgi/cluster" ? { ...right, ...cluster } : right
      told = await failuresOf(entry, way, [...incomplete[entry].map(([, packages]) => packages), whole])
    })

    it.each(incomplete[entry].map(([what, , wrong], i) => [what, wrong, i] as const))(
      "is one line that says what is wrong, and the remedy: %s",
      (_, wrong, i) => {
        const message = `${entry} needs Effect 3, but ${wrong}: ${remedies[entry]}`
        expect(told[i]).toEqual({ message, stack: `Error: ${message}` })
      }
    )

    it("is told as it is beside the right ones", () => {
      expect(told.at(-1)?.message).toMatch(/does not provide an export named/)
    })
  }
)
