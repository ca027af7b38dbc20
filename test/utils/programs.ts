/** Programs in TypeScript, made for `node` alone: with tsx they would take longer to load Effect than to do their work. */
import { build } from "esbuild"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "../..")

/** A folder whose programs find the packages of this one. */
export const folderFor = (what: string): string => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), `tsgi-${what}-`))
  fs.symlinkSync(path.join(root, "node_modules"), path.join(folder, "node_modules"))
  return folder
}

/** Writes `<name>.mjs` into a folder for each file of `base`; what they share is there once. */
export const compile = (base: string, files: ReadonlyArray<string>, folder: string): Promise<unknown> =>
  build({
    entryPoints: files.map((file) => path.join(base, file)),
    outbase: base,
    outdir: folder,
    outExtension: { ".js": ".mjs" },
    // with our own packages from their sources
    tsconfig: path.join(root, "tsconfig.json"),
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "warning"
  })
