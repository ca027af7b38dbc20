/**
 * Builds `dist`: declarations with TypeScript, modules with esbuild.
 *
 * The facade, and what tests it, carry the parts of Effect that they use: a process that loads Effect's modules one by one
 * takes twice as long to its first answer, and there is no Effect in their signatures. `tsgi/effect` shares values with its
 * user's own Effect, so it imports that. What is written in CommonJS is carried by all: in a user's bundle of ES modules, its
 * `require` of a part of Node would fail.
 *
 * The command carries all that it needs, as its users need not have Effect. Its workers do not: theirs is the facade or the
 * door that their app has.
 */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import * as path from "node:path"

process.chdir(path.resolve(import.meta.dirname, ".."))
const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"))
const carried = {
  facade: ["effect", "sonic-boom", "atomic-sleep"],
  others: ["ws", "sonic-boom", "atomic-sleep"],
  command: [
    "@effect/cli",
    "@effect/platform",
    "@effect/platform-node",
    "@effect/platform-node-shared",
    "@effect/printer",
    "@effect/printer-ansi",
    "@effect/typeclass",
    "chokidar",
    "effect",
    "find-my-way-ts",
    "mime",
    "multipasta",
    "readdirp",
    "smol-toml",
    "ws",
    "yaml"
  ]
}
const imported = Object.keys({ ...dependencies, ...peerDependencies })

rmSync("dist", { recursive: true, force: true })
// the declarations take most of the time, and not all tests need them
if (!process.argv.includes("--modules")) {
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "src/tsconfig.json"], { stdio: "inherit" })
}

const common = {
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: true,
  // our sources are in the package
  sourcesContent: false,
  outbase: "src",
  outdir: "dist",
  chunkNames: "chunks/[name]-[hash]",
  logLevel: "warning",
  metafile: true
}

// What CommonJS requires of Node becomes an import: `required` hands on what `imported` has.
const builtins = {
  name: "builtins",
  setup: (build) => {
    build.onResolve({ filter: /^[a-z:_/]+$/ }, ({ kind, namespace, path }) =>
      kind === "require-call" && isBuiltin(path)
        ? { path, namespace: namespace === "required" ? "imported" : "required" }
        : undefined)
    build.onLoad({ filter: /.*/, namespace: "required" }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)}).default`
    }))
    build.onLoad({ filter: /.*/, namespace: "imported" }, ({ path }) => ({
      contents: `export { default } from ${JSON.stringify(path)}`
    }))
  }
}

// The wire client is one module for both, so that its errors are of one class.
const sharedClient = {
  name: "shared-client",
  setup: (build) => {
    build.onResolve({ filter: /\/WireClient\.js$/ }, () => ({ path: "./testing/WireClient.js", external: true }))
  }
}

// A worker has the facade of its own app.
const ownFacade = {
  name: "own-facade",
  setup: (build) => {
    build.onResolve({ filter: /^\.\.\/index\.js$/ }, () => ({ path: "./index.js", external: true }))
  }
}

/** What ws would take if it were there. */
const unneeded = ["bufferutil", "utf-8-validate"]

const [facade, others, command] = await Promise.all([
  build({
    ...common,
    entryPoints: ["src/index.ts", "src/testing.ts"],
    external: imported.filter((name) => !carried.facade.includes(name)),
    plugins: [builtins, sharedClient]
  }),
  build({
    ...common,
    entryPoints: [
      ...["checked", "effect", "protocol/index", "testing/WireClient"].map((name) => ({
        in: `src/${name}.ts`,
        out: name
      })),
      { in: "src/cli/worker.ts", out: "worker" }
    ],
    external: [...imported, ...unneeded],
    plugins: [builtins, ownFacade]
  }),
  build({
    ...common,
    entryPoints: [{ in: "src/cli/main.ts", out: "cli" }],
    banner: { js: "#!/usr/bin/env node" },
    // a program and no library: nobody steps into it
    minify: true,
    sourcemap: false,
    external: [...unneeded, "@effect/platform-node/NodeHttpClient"],
    plugins: [builtins]
  })
])

/** The package that a file is of, if it is of any but this one. */
const packageOf = (file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]

/** The files of which something is in the outcome. */
const partsOf = ({ outputs }) =>
  Object.values(outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0).map(([file]) => file)
  )

for (
  const [{ metafile }, expected] of [[facade, carried.facade], [others, carried.others], [command, carried.command]]
) {
  const found = [...new Set(partsOf(metafile).map(packageOf).filter((name) => name !== undefined))]
  if (found.sort().join() !== [...expected].sort().join()) {
    throw new Error(`built with ${found.join() || "nothing"}, not ${expected.join()}`)
  }
}

// the licences of what is carried, and the notices within it, which the bundler drops
mkdirSync("dist/licenses")
for (const name of new Set(Object.values(carried).flat())) {
  const notices = [facade, others, command].flatMap(({ metafile }) => partsOf(metafile))
    .filter((file) => packageOf(file) === name)
    .flatMap((file) => readFileSync(file, "utf8").match(/\/\*[^]*?\*\//g) ?? [])
    .filter((comment) => /copyright|\(c\)/i.test(comment))
  const licence = readFileSync(path.join("node_modules", name, "LICENSE"), "utf8")
  writeFileSync(path.join("dist/licenses", name.replace("/", "-")), [licence, ...new Set(notices)].join("\n\n"))
}
// of which one is under this licence, the text of which its package leaves out
copyFileSync("node_modules/typescript/LICENSE.txt", "dist/licenses/Apache-2.0")

// Nobody has the sources of what is carried beside it: debuggers are to pass over them instead of looking.
for (
  const name of [facade, others, command].flatMap(({ metafile }) => Object.keys(metafile.outputs)).filter((name) =>
    name.endsWith(".map")
  )
) {
  const map = JSON.parse(readFileSync(name, "utf8"))
  const isOurs = (source) => packageOf(source) === undefined && !/^(?:required|imported):/.test(source)
  map.sourcesContent = map.sources.map((source) => isOurs(source) ? null : "")
  map.ignoreList = map.sources.flatMap((source, i) => isOurs(source) ? [] : [i])
  writeFileSync(name, JSON.stringify(map))
}
