/** The command as it is built, in a folder of its own, and run as processes. */
import * as fs from "node:fs"
import * as path from "node:path"
import { built } from "../utils/made.js"
import { Program } from "../utils/processes.js"
import { folderFor } from "../utils/programs.js"

/** A folder with the command in `dist`, and room for apps. */
export const folderWithCommand = async (what: string): Promise<string> => {
  const folder = folderFor(what)
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module", version: "0.0.0-test" }))
  fs.cpSync(path.join(await built(), "dist"), path.join(folder, "dist"), { recursive: true })
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
