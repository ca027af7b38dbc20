/** `--workers 0`: faults of an app are reported as workers report them. */
import * as fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("alone")
  write(folder, "app.mjs", `export default () => ""`)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe("a server in one process", { timeout: 60_000 }, () => {
  it("says what is wrong with an app as workers do, with their exit codes", async () => {
    write(folder, "throws.mjs", `throw new Error("no luck")`)
    const broken = await tsgi(folder, ..."serve throws.mjs -w 0 -p 0".split(" ")).ended
    expect(broken.stderr.at(-1)).toMatch(/^tsgi: worker 1 failed to load throws\.mjs: Error: no luck/)
    expect(broken.code).toBe(4)
    const options = await tsgi(folder, ..."serve app.mjs -w 0 -p 0 --set limits.bdy=1".split(" ")).ended
    expect(options.stderr.at(-1)).toMatch(/OptionError: .*limits\.bdy/)
    expect(options.code).toBe(2)
  })
})
