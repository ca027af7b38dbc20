/** The command and its workers, built from their sources into a folder, and run as processes of their own. */
import { build } from "esbuild"
import * as fs from "node:fs"
import * as path from "node:path"
import { Program } from "../utils/processes.js"
import { folderFor } from "../utils/programs.js"

const root = path.resolve(import.meta.dirname, "../..")

/** A folder with the command in `dist`, and room for apps. */
export const folderWithCommand = async (what: string): Promise<string> => {
  const folder = folderFor(what)
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module", version: "0.0.0-test" }))
  await build({
    entryPoints: [
      { in: path.join(root, "src/cli/main.ts"), out: "cli" },
      { in: path.join(root, "src/cli/worker.ts"), out: "worker" },
      { in: path.join(root, "src/effect.ts"), out: "effect" }
    ],
    outdir: path.join(folder, "dist"),
    tsconfig: path.join(root, "tsconfig.json"),
    bundle: true,
    splitting: true,
    packages: "external",
    platform: "node",
    target: "node20",
    format: "esm",
    logLevel: "warning"
  })
  return folder
}

/** The command in such a folder. */
export const tsgi = (folder: string, ...args: ReadonlyArray<string>): Program =>
  new Program(process.execPath, [path.join(folder, "dist/cli.js"), ...args], {
    cwd: folder,
    env: { TSGI_CONTROL: "none" }
  })

/** Writes a file of an app. */
export const write = (folder: string, name: string, text: string): void =>
  fs.writeFileSync(path.join(folder, name), text)
