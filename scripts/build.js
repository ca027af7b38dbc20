/**
 * Builds `dist`: declarations with TypeScript, modules with esbuild.
 *
 * The facade carries the parts of Effect that it uses: a process that loads Effect's modules one by one takes twice as long
 * to its first answer, and there is no Effect in the facade's signatures. The other entry points share values with their
 * user's own Effect, so they import that.
 */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import * as path from "node:path"

process.chdir(path.resolve(import.meta.dirname, ".."))
const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"))
const carried = ["effect"]
const imported = Object.keys({ ...dependencies, ...peerDependencies })

rmSync("dist", { recursive: true, force: true })
execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "src/tsconfig.json"], { stdio: "inherit" })

const common = {
  bundle: true,
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

const [facade, others] = await Promise.all([
  build({ ...common, entryPoints: ["src/index.ts"], external: imported.filter((name) => !carried.includes(name)) }),
  build({
    ...common,
    entryPoints: ["src/effect.ts", "src/protocol/index.ts", "src/testing/index.ts"],
    splitting: true,
    packages: "external"
  })
])

/** The package that a file is of, if it is of any but this one. */
const packageOf = (file) => /.*node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1]

for (const [{ metafile }, expected] of [[facade, carried], [others, []]]) {
  const found = [...new Set(Object.keys(metafile.inputs).map(packageOf).filter((name) => name !== undefined))]
  if (found.join() !== expected.join()) {
    throw new Error(`built with ${found.join() || "nothing"}, not ${expected.join()}`)
  }
}

// the licences of what is carried, and the notices within it, which the bundler drops
mkdirSync("dist/licenses")
for (const name of carried) {
  const notices = Object.keys(facade.metafile.inputs)
    .filter((file) => packageOf(file) === name)
    .flatMap((file) => readFileSync(file, "utf8").match(/\/\*[^]*?\*\//g) ?? [])
    .filter((comment) => /copyright|\(c\)/i.test(comment))
  const licence = readFileSync(path.join("node_modules", name, "LICENSE"), "utf8")
  writeFileSync(path.join("dist/licenses", name.replace("/", "-")), [licence, ...new Set(notices)].join("\n\n"))
}
// of which one is under this licence, the text of which its package leaves out
copyFileSync("node_modules/typescript/LICENSE.txt", "dist/licenses/Apache-2.0")

// Nobody has the sources of what is carried beside it: debuggers are to pass over them instead of looking.
const map = JSON.parse(readFileSync("dist/index.js.map", "utf8"))
map.sourcesContent = map.sources.map((source) => packageOf(source) === undefined ? null : "")
map.ignoreList = map.sources.flatMap((source, i) => packageOf(source) === undefined ? [] : [i])
writeFileSync("dist/index.js.map", JSON.stringify(map))
