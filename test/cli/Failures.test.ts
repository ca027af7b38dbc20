/**
 * Failures of the surroundings and not of the app: each is a line that names the thing and the remedy, and none ends a running
 * server. Failures.long.test.ts has more of them.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { run } from "../utils/processes.js"
import { get, portOf } from "./asking.js"
import { write } from "./command.js"
import { folder, serve } from "./surroundings.js"

describe("of a server that runs,", { timeout: 60_000 }, () => {
  it("what cannot be reloaded is refused, and the workers stay", async () => {
    write(folder, "tsgi.json", `{ "port": 0, "envFile": ["own.env"] }`)
    write(folder, "own.env", "A=1")
    const control = path.join(folder, "run/reloaded.sock")
    await using program = serve("--config", "tsgi.json", "--control", control)
    const port = await portOf(program)
    const verb = (...words: ReadonlyArray<string>) =>
      run(process.execPath, [path.join(folder, "dist/cli.js"), ...words], {
        cwd: folder,
        env: { TSGI_CONTROL: control }
      })
    const refused = async (text: string, why: RegExp): Promise<void> => {
      write(folder, "tsgi.json", text)
      program.kill("SIGHUP")
      await program.line(new RegExp(`error reload refused, the old workers stay: ${why.source}`))
    }
    await refused(`{ "port": 1, "envFile": ["own.env"] }`, /restart to change where it listens/)
    await refused(`{ "port": 0, "envFile": ["nix.env"] }`, /--env-file .*nix\.env/)
    await refused(`{ "port": 0, "workers": "two" }`, /workers in .*tsgi\.json two: must be auto, or a whole number/)
    await refused(`{ "port": `, /.*tsgi\.json/)
    // the verbs find the server without the file
    expect(await verb("reload")).toMatchObject({
      code: 8,
      stderr: [expect.stringMatching(/^tsgi: reload refused: cannot read tsgi\.json: /)]
    })
    const status = await verb("status", "--json")
    expect(status.code).toBe(0)
    expect(JSON.parse(status.stdout.join(""))).toMatchObject({
      reloads: { done: 0, refused: 5 },
      lastReload: { result: "refused", error: expect.stringMatching(/tsgi\.json/) as unknown }
    })
    // changes that need a restart are reported, and the rest is done
    write(folder, "tsgi.json", `{ "port": 0, "unready": "1s", "logLevel": "warn" }`)
    program.kill("SIGHUP")
    await program.line(/warn {2}restart to change unready, logLevel: a reload does not$/)
    await program.line(/reloaded in/)
    expect(await get(port)).toBe("200 Hello")
    write(folder, "tsgi.json", "{")
    expect(await verb("stop")).toMatchObject({ code: 0, stderr: [] })
    fs.rmSync(path.join(folder, "tsgi.json"))
  })
})
