/**
 * Builds `dist`: declarations with TypeScript, modules with esbuild.
 *
 * The facade, and what tests it, carry the parts of Effect that they use: a process that loads Effect's modules one by one
 * takes twice as long to its first answer, and there is no Effect in their signatures. `tsgi/effect` shares values with its
 * user's own Effect, so it imports that. What has no Effect in it is one module for both doors. What is written in CommonJS
 * is carried by all: in a user's bundle of ES modules, its `require` of a part of Node would fail.
 *
 * The command carries all that it needs, as its users need not have Effect. Its workers do not: theirs is the facade or the
 * door that their app has.
 */
import { decode, encode } from "@jridgewell/sourcemap-codec"
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { isBuiltin } from "node:module"
import * as path from "node:path"

process.chdir(path.resolve(import.meta.dirname, ".."))
const { peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"))
const carried = {
  doors: ["atomic-sleep", "effect", "multipasta", "sonic-boom", "ws"],
  command: [
    "@effect/cli",
    "@effect/platform",
    "@effect/platform-node",
    "@effect/platform-node-shared",
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

rmSync("dist", { recursive: true, force: true })
execFileSync(process.execPath, ["node_modules/typescript-native/bin/tsc", "-p", "src/tsconfig.json"], {
  stdio: "inherit"
})

const common = {
  bundle: true,
  splitting: true,
  platform: "node",
  target: "node20",
  // Plugins hand on sources without it. Class fields that are assigned are made without a call of their own (bench row pipelined).
  tsconfigRaw: readFileSync("tsconfig.json", "utf8"),
  format: "esm",
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

/** What has no Effect in it, and so is one module for both doors: its errors are of one class. */
const shared =
  /\/src\/(?:(?:protocol|exchange|transport|http1)\/|node\/sonicBoom\.ts$|testing\/(?:WireClient|wireBody)\.ts$)/
/** The entry points that carry their Effect. */
const facade = /\/src\/(?:index|testing)\.ts$/

// What runs on Effect is there twice, on the facade's and on the user's: as two modules of one file.
const twoDoors = {
  name: "two-doors",
  setup: (build) => {
    build.onResolve({ filter: /^(?:\.|src\/|effect\/)/ }, ({ importer, kind, path: name, pluginData, resolveDir }) => {
      if (name.startsWith("effect/")) {
        if (shared.test(importer)) throw new Error(`${importer} is shared by both doors, and imports ${name}`)
        return pluginData === carries ? undefined : { path: name, external: true }
      }
      if (importer.includes("/node_modules/")) return undefined
      const file = path.resolve(resolveDir, name).replace(/\.js$/, ".ts")
      const own = facade.test(file) || (kind !== "entry-point" && pluginData === carries && !shared.test(file))
      return own ? { path: file, suffix: "?carries", pluginData: carries } : { path: file }
    })
    build.onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path: file, pluginData }) => ({
      contents: readFileSync(file, "utf8"),
      loader: "ts",
      pluginData
    }))
  }
}
const carries = "carries"

/** What ws would take if it were there. */
const unneeded = ["bufferutil", "utf-8-validate"]

const [doors, command] = await Promise.all([
  build({
    ...common,
    entryPoints: [
      ...[
        "index",
        "testing",
        "checked",
        "required",
        "effect",
        "checkedCluster",
        "requiredCluster",
        "cluster",
        "protocol/index"
      ].map((name) => ({
        in: `src/${name}.ts`,
        out: name
      })),
      // files of their own, as they say
      ...["node/sonicBoom", "platform/nodeHttpClient"].map((name) => ({ in: `src/${name}.ts`, out: name })),
      { in: "src/cli/worker.ts", out: "worker" },
      { in: "src/cli/work.ts", out: "work" }
    ],
    sourcemap: true,
    // a quarter of the size; names stay as they are, and lines are short enough to be shown with an error
    minifyWhitespace: true,
    lineLimit: 120,
    external: [...Object.keys(peerDependencies).filter((name) => name !== "effect"), ...unneeded],
    plugins: [builtins, twoDoors]
  }),
  build({
    ...common,
    entryPoints: [{ in: "src/cli/main.ts", out: "cli" }],
    banner: { js: "#!/usr/bin/env node" },
    // a program and no library: nobody steps into it
    minify: true,
    external: [...unneeded, "@effect/platform-node/NodeHttpClient", "./work.js"],
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

for (const [{ metafile }, expected] of [[doors, carried.doors], [command, carried.command]]) {
  const found = [...new Set(partsOf(metafile).map(packageOf).filter((name) => name !== undefined))]
  if (found.sort().join() !== [...expected].sort().join()) {
    throw new Error(`built with ${found.join() || "nothing"}, not ${expected.join()}`)
  }
}

// the licences of what is carried, and the notices within it, which the bundler drops
const licences = [...new Set(Object.values(carried).flat())].sort().map((name) => {
  const notices = [doors, command].flatMap(({ metafile }) => partsOf(metafile))
    .filter((file) => packageOf(file) === name)
    .flatMap((file) => readFileSync(file, "utf8").match(/\/\*[^]*?\*\//g) ?? [])
    .filter((comment) => /copyright|\(c\)/i.test(comment))
  const licence = readFileSync(path.join("node_modules", name, "LICENSE"), "utf8")
  return [name, [licence, ...new Set(notices)].join("\n\n")]
})
// of which one is under this licence, the text of which its package leaves out
licences.push(["Apache-2.0", readFileSync("node_modules/typescript/LICENSE.txt", "utf8")])
writeFileSync("dist/licenses.txt", licences.map(([name, text]) => `--- ${name} ---\n\n${text.trim()}\n`).join("\n"))

// Nobody has the sources of what is carried beside it, nor of the command: debuggers are to pass over them. A run of their
// lines is one entry of the map, and all of them are its last source.
const isOurs = (source) => /^(?:\.\.\/)+src\/(?!cli\/)/.test(source)
for (const name of readdirSync("dist", { recursive: true }).filter((name) => name.endsWith(".js.map"))) {
  const file = path.join("dist", name)
  const { mappings, names: builtNames, sources: built, sourcesContent: texts, ...map } = JSON.parse(
    readFileSync(file, "utf8")
  )
  const ours = [...new Set(built.map((source) => source.replace(/\?.*/, "")).filter(isOurs))]
  const codeFile = file.replace(/\.map$/, "")
  const code = readFileSync(codeFile, "utf8").replace(/\/\/# sourceMappingURL=.*\n$/, "")
  // there is nothing to step through in a single import either
  if (ours.length === 0 || /^.*import\("[^"]+"\);export\{load\};\n$/.test(code)) {
    rmSync(file)
    writeFileSync(codeFile, code)
    continue
  }
  const places = built.map((source) => ours.indexOf(source.replace(/\?.*/, "")))
  // of the names those that our sources have
  const names = []
  const nameIn = new Map()
  const nameOf = (name) => {
    if (!nameIn.has(name)) nameIn.set(name, names.push(builtNames[name]) - 1)
    return nameIn.get(name)
  }
  let isWithin = false
  const kept = decode(mappings).map((line) =>
    line.flatMap(([column, source, inLine, inColumn, name]) => {
      const wasWithin = isWithin
      isWithin = places[source] < 0
      if (!isWithin) {
        return [[column, places[source], inLine, inColumn, ...(name === undefined ? [] : [nameOf(name)])]]
      }
      return wasWithin ? [] : [[column, ours.length, 0, 0]]
    })
  )
  const sources = [...ours, "carried"]
  // our sources are here and not in files of the package: on disk, small files take half as much again
  const textOf = new Map(built.map((source, i) => [source.replace(/\?.*/, ""), texts[i]]))
  // what docstrings say stands in the declarations, too; their lines stay, so that positions do
  const sourcesContent = sources.map((source) =>
    (textOf.get(source) ?? "").replace(/^ *\/\*\*[^]*?\*\//gm, (docs) => docs.replace(/.+/g, ""))
  )
  const written = { ...map, sources, sourcesContent, names, mappings: encode(kept), ignoreList: [ours.length] }
  writeFileSync(file, JSON.stringify(written))
}

// npm does this where it installs; in a checkout npx takes the file as it is
chmodSync("dist/cli.js", 0o755)

// Of the declarations those are kept that users' compilers come to.
const reached = new Set(
  ["index", "effect", "cluster", "testing", "protocol/index"].map((name) => path.resolve("dist", `${name}.d.ts`))
)
for (const file of reached) {
  for (const [, name] of readFileSync(file, "utf8").matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g)) {
    reached.add(path.resolve(path.dirname(file), `${name}.d.ts`))
  }
}
for (const name of readdirSync("dist", { recursive: true })) {
  const file = path.resolve("dist", name)
  if (name.endsWith(".d.ts") && !reached.has(file)) rmSync(file)
}
