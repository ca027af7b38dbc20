/** The command beside an editor that saves. System.long.test.ts has service managers and shells. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Program } from "../utils/processes.js"
import { get, portOf } from "./asking.js"
import { folderWithCommand, write } from "./command.js"
import { app } from "./system.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("system")
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe("the command", { timeout: 90_000 }, () => {
  it("reloads what is saved in place and by renaming, and shows what cannot be loaded while the old one serves", async () => {
    write(folder, "watched.mjs", app("first"))
    await using program = new Program(
      process.execPath,
      [
        path.join(folder, "dist/cli.js"),
        ..."dev watched.mjs -p 0 --settle 0s --control none --access-log none".split(" ")
      ],
      { cwd: folder }
    )
    const port = await portOf(program)
    const save = (text: string, how: "rename" | "write"): void => {
      if (how === "write") return write(folder, "watched.mjs", text)
      write(folder, "watched.mjs.tmp", text)
      fs.renameSync(path.join(folder, "watched.mjs.tmp"), path.join(folder, "watched.mjs"))
    }
    // the watcher begins a moment after the server
    for (const [text, how] of [["by renaming", "rename"], ["in place", "write"], ["again", "rename"]] as const) {
      await expect.poll(() => {
        save(app(text), how)
        return get(port)
      }, { timeout: 20_000, interval: 1500 }).toBe(`200 ${text}`)
    }
    save("export default (", "write")
    await program.line(/reload refused, the old workers stay: worker 1 failed to load watched\.mjs: SyntaxError/)
    expect(await get(port)).toBe("200 again")
    save(app("mended"), "rename")
    await expect.poll(() => get(port), { timeout: 20_000 }).toBe("200 mended")
  })
})
