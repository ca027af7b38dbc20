/** Programs in TypeScript, compiled for `node`, because with tsx they would take longer to load Effect than to do their work. */
import { build } from "esbuild"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "../..")

/** Makes a folder whose programs find the packages of this one. */
export const folderFor = (what: string): string => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `tsgi-${what}-`))
  linkPackages(folder)
  return folder
}

export const linkPackages = (folder: string): void =>
  fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"))

/**
 * Writes `<name>.mjs` into a folder for each file of `base`, with the parts of packages that they use, so that a program does not
 * load all of Effect. What they share is written once.
 */
export const compile = (base: string, files: ReadonlyArray<string>, folder: string): Promise<unknown> =>
  build({
    entryPoints: files.map((file) => path.join(base, file)),
    outbase: base,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    // tsgi's own entries are taken from their sources
    tsconfig: path.join(root, "tsconfig.json"),
    bundle: true,
    splitting: true,
    platform: "node",
    target: "node20",
    format: "esm",
    // some packages are CommonJS
    banner: {
      js: "import { createRequire as requireHere } from \"node:module\"; const require = requireHere(import.meta.url)"
    },
    // this package has a binary
    external: ["better-sqlite3"],
    logLevel: "warning"
  })
