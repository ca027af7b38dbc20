/** The built command in a folder of its own, as processes. */
import * as fs from "node:fs"
import * as path from "node:path"
import { built } from "../utils/made.js"
import { type Ended, Program, run } from "../utils/processes.js"
import { folderFor } from "../utils/programs.js"

/** Makes a folder with the command in `dist`, for apps. */
export const folderWithCommand = async (what: string): Promise<string> => {
  const folder = folderFor(what)
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module", version: "0.0.0-test" }))
  fs.cpSync(path.join(await built(), "dist"), path.join(folder, "dist"), { recursive: true })
  return folder
}

/** Starts the command in such a folder. */
export const tsgi = (folder: string, ...args: ReadonlyArray<string>): Program =>
  new Program(process.execPath, [path.join(folder, "dist/cli.js"), ...args], {
    cwd: folder,
    env: { TSGI_CONTROL: "none" }
  })

// each command has its own copy of the command's module; the modules that it imports are shared
const oneAfterTheOther = `import * as fs from "node:fs"
const { exit } = process
for (const [i, args] of JSON.parse(process.argv[2]).entries()) {
  const ended = new Promise((resolve) => process.exit = resolve)
  process.argv = [process.execPath, "tsgi", ...args]
  await import("./dist/cli.js?" + i)
  const text = "\\0" + await ended + "\\n"
  for (const fd of [1, 2]) fs.writeSync(fd, text)
}
exit(0)
`

/** Runs commands that end by themselves in one process, so that their modules are loaded once, and returns how each has ended. */
export const endings = async (
  folder: string,
  commands: ReadonlyArray<ReadonlyArray<string>>
): Promise<ReadonlyArray<Pick<Ended, "code" | "stdout" | "stderr">>> => {
  write(folder, "commands.mjs", oneAfterTheOther)
  const { stderr, stdout } = await run(process.execPath, ["commands.mjs", JSON.stringify(commands)], {
    cwd: folder,
    env: { TSGI_CONTROL: "none" }
  })
  const [outputs, errors] = [stdout, stderr].map((lines) => {
    const texts: Array<{ readonly code: number; readonly lines: ReadonlyArray<string> }> = []
    let begun = 0
    lines.forEach((line, i) => {
      if (!line.startsWith("\0")) return
      texts.push({ code: Number(line.slice(1)), lines: lines.slice(begun, i) })
      begun = i + 1
    })
    return texts
  })
  if (errors.length !== commands.length) throw new Error([...stdout, ...stderr].join("\n"))
  return errors.map(({ code, lines }, i) => ({ code, stdout: outputs[i].lines, stderr: lines }))
}

/** Writes a file of an app. */
export const write = (folder: string, name: string, text: string): void =>
  fs.writeFileSync(path.join(folder, name), text)
