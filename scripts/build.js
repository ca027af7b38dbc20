/**
 * Builds `dist`: declarations with TypeScript, modules with esbuild.
 *
 * The facade carries the parts of Effect that it uses: a process that loads Effect's modules one by one takes three times as
 * long to its first answer, and no Effect value crosses the facade's signatures. The other entry points share values with
 * their user's own Effect, so they import that.
 */
import { build } from "esbuild"
import { execFileSync } from "node:child_process"
import { copyFileSync, mkdirSync, readFileSync, rmSync } from "node:fs"
import { createRequire } from "node:module"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "..")
process.chdir(root)
const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"))
const carried = ["effect"]
const imported = Object.keys({ ...dependencies, ...peerDependencies })

rmSync("dist", { recursive: true, force: true })
execFileSync(process.execPath, [
  createRequire(import.meta.url).resolve("typescript/bin/tsc"),
  "-p",
  "src/tsconfig.json"
], {
  stdio: "inherit"
})

const common = {
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: true,
  // the sources are in the package
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

const packagesIn = (
  { inputs }
) => [...new Set(Object.keys(inputs).flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []))]

for (const [{ metafile }, expected] of [[facade, carried], [others, []]]) {
  const found = packagesIn(metafile)
  if (found.join() !== expected.join()) {
    throw new Error(`built with ${found.join() || "nothing"}, not ${expected.join()}`)
  }
}

mkdirSync("dist/licenses")
for (const name of carried) {
  copyFileSync(path.join("node_modules", name, "LICENSE"), path.join("dist/licenses", name.replace("/", "-")))
}
