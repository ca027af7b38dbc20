/**
 * The command with real processes: it starts, reloads, replaces dead workers, stops, and says in one line why it cannot start.
 * Serve.long.test.ts has more of it; tests that need time are in Supervisor.test.ts, on the clock of a test.
 */
import * as fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { Program } from "../utils/processes.js"
import { get, portOf, workerReady } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"
import { expectEnding, failing, writeFailing } from "./failing.js"
import { hello } from "./serving.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("serve")
  write(folder, "hello.mjs", hello)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const serve = (...args: ReadonlyArray<string>): Program =>
  tsgi(folder, "serve", ...args, "--port", "0", "--access-log", "none")

describe("tsgi serve", { timeout: 60_000 }, () => {
  it("serves, reloads to new workers, replaces one that is killed, and stops with 0", async () => {
    await using program = serve("hello.mjs", "--workers", "2", "--settle", "100ms")
    const port = await portOf(program)
    expect(await get(port)).toBe("200 Hello")
    const first = program.stderr.flatMap((line) => workerReady.exec(line)?.[1] ?? [])
    expect(first).toHaveLength(2)

    program.kill("SIGHUP")
    await program.line(/reloaded in .*, generation 2/)
    const second = program.stderr.flatMap((line) => workerReady.exec(line)?.[1] ?? []).slice(2)
    expect(second).toHaveLength(2)
    // the old workers no longer accept
    const [, pid] = (await get(port, "/pid")).split(" ")
    expect(second).toContain(pid)

    process.kill(Number(pid), "SIGKILL")
    await program.line(new RegExp(`worker \\d \\(${pid}\\) was killed by SIGKILL after .*out of memory\\? next try in`))
    // the other worker serves meanwhile
    expect(await get(port)).toBe("200 Hello")

    // job control of a shell, `timeout` and service managers signal all processes, one after the other
    process.kill(Number(second.find((other) => other !== pid)), "SIGTERM")
    program.kill("SIGTERM")
    const { code, signal, stderr } = await program.ended
    expect([code, signal]).toEqual([0, null])
    expect(stderr.join("\n")).not.toContain("was told to end")
  })

  it("keeps the old workers where a new one does not load, and says why", async () => {
    write(folder, "broken.mjs", hello)
    await using program = serve("broken.mjs", "--settle", "0s")
    const port = await portOf(program)
    const pid = await get(port, "/pid")
    write(folder, "broken.mjs", "const a = 1\nexport default (")
    program.kill("SIGHUP")
    await program.line(
      /reload refused, the old workers stay: worker 1 failed to load broken\.mjs: SyntaxError: .*\(broken\.mjs:2\)/
    )
    expect(await get(port, "/pid")).toBe(pid)
    program.kill("SIGINT")
    expect(await program.ended).toMatchObject({ code: 0 })
  })

  describe("that cannot", () => {
    beforeAll(() => writeFailing(folder))

    // each has its own exit code; no worker is started for them
    it.each(failing.filter(([args]) => ["serve nix.ts", "serve hello.mjs --prot 1"].includes(args)))(
      "tsgi %s: exit code %i",
      async (...row) => expectEnding(row, await tsgi(folder, ...row[0].split(" ")).ended)
    )
  })
})
