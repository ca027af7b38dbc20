/**
 * What a worker has served is counted to its last request, however its own process ends it: what it counted since its last beat
 * is told as it exits. The family: process.exit, an uncaught exception and an unhandled rejection, each after requests of one
 * second.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { run } from "../utils/processes.js"
import { get, portOf } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

const ends: ReadonlyArray<readonly [how: string, code: number, end: string]> = [
  ["process.exit", 3, "process.exit(3)"],
  ["an uncaught exception", 1, `throw new Error("out of the blue")`],
  ["an unhandled rejection", 1, `void Promise.reject(new Error("out of the blue"))`]
]

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("counts")
}, 60_000)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe("a worker that is ended by", { timeout: 60_000 }, () => {
  it.each(ends)("%s loses no count of its last second", async (how, code, end) => {
    write(
      folder,
      "ends.mjs",
      `export default (env, startResponse) => {
  startResponse("200 OK", [["Content-Length", "5"]])
  if (env.PATH_INFO === "/end") env["eventlet.posthooks"].push([() => setImmediate(() => { ${end} }), [], {}])
  return "Hello"
}`
    )
    const control = path.join(folder, `run/ends-${ends.findIndex(([other]) => other === how)}.sock`)
    await using program = tsgi(
      folder,
      ..."serve ends.mjs -p 0 --settle 0s --access-log none --control".split(" "),
      control
    )
    const port = await portOf(program)
    for (const target of ["/", "/", "/", "/end"]) {
      expect(await get(port, target)).toBe("200 Hello")
    }
    const [, exitCode, requests] = await program.line(
      /error worker 1 \(\d+\) exited with code (\d) after .*, (\d+) requests?;/
    )
    expect([exitCode, requests]).toEqual([String(code), "4"])
    const status = await run(process.execPath, ["dist/cli.js", "status", "--json", "--control", control], {
      cwd: folder
    })
    expect(JSON.parse(status.stdout.join(""))).toMatchObject({ totals: { requests: 4 } })
  })
})
