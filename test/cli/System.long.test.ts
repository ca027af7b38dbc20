/**
 * The command and the programs that start it: a service manager that is notified, and a shell that completes. A program in place
 * of systemd's own writes down the arguments of each notification.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freePort } from "../utils/ports.js"
import { installed, Program, run } from "../utils/processes.js"
import { get, portOf } from "./asking.js"
import { folderWithCommand, write } from "./command.js"
import { app } from "./system.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("system")
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

describe("the command", { timeout: 90_000 }, () => {
  it("tells systemd in order: ready, reloading since when, ready, stopping", async () => {
    write(folder, "app.mjs", app("one"))
    const log = path.join(folder, "told")
    fs.mkdirSync(path.join(folder, "bin"))
    write(folder, "bin/systemd-notify", `#!/bin/sh\necho "$NOTIFY_SOCKET $*" >> "${log}"\n`)
    fs.chmodSync(path.join(folder, "bin/systemd-notify"), 0o755)
    await using program = new Program(
      process.execPath,
      [
        path.join(folder, "dist/cli.js"),
        ..."serve app.mjs -p 0 --settle 0s --control none --access-log none".split(" ")
      ],
      {
        cwd: folder,
        env: { NOTIFY_SOCKET: "/run/a", PATH: `${path.join(folder, "bin")}:${process.env.PATH ?? ""}` }
      }
    )
    const told = (): ReadonlyArray<string> => fs.existsSync(log) ? fs.readFileSync(log, "utf8").trim().split("\n") : []
    await expect.poll(told, { timeout: 30_000 }).toHaveLength(1)
    program.kill("SIGHUP")
    await program.line(/reloaded in/)
    await expect.poll(told, { timeout: 30_000 }).toHaveLength(3)
    program.kill("SIGTERM")
    expect(await program.ended).toMatchObject({ code: 0 })
    const [ready, reloading, again, stopping] = told()
    expect(ready).toBe(`/run/a --pid=${program.pid} READY=1 STATUS=serving`)
    const [, since] = /^\/run\/a --pid=\d+ RELOADING=1 MONOTONIC_USEC=(\d+) STATUS=reloading$/.exec(reloading) ?? []
    expect(Number(since)).toBeGreaterThan(0)
    expect(Number(since)).toBeLessThan(Number(process.hrtime.bigint() / 1000n))
    expect(again).toBe(ready)
    expect(stopping).toBe(`/run/a --pid=${program.pid} STOPPING=1 STATUS=stopping`)
  })

  it("gives the watchdog its sign of life while a worker answers, and none while all hang", async () => {
    write(
      folder,
      "blocks.mjs",
      `export default (env, startResponse) => {
  startResponse("200 OK", [])
  if (env.PATH_INFO === "/block") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5000)
  return "woken"
}`
    )
    const log = path.join(folder, "fed")
    fs.mkdirSync(path.join(folder, "feeds"))
    write(folder, "feeds/systemd-notify", `#!/bin/sh\necho "$*" >> "${log}"\n`)
    fs.chmodSync(path.join(folder, "feeds/systemd-notify"), 0o755)
    const words =
      "serve blocks.mjs -p 0 --settle 0s --control none --access-log none --hang-timeout 0 --status 127.0.0.1:0"
    await using program = new Program(process.execPath, [path.join(folder, "dist/cli.js"), ...words.split(" ")], {
      cwd: folder,
      env: {
        NOTIFY_SOCKET: "/run/a",
        WATCHDOG_USEC: "1000000",
        PATH: `${path.join(folder, "feeds")}:${process.env.PATH ?? ""}`
      }
    })
    const port = await portOf(program)
    const [, address] = await program.line(/status at (http:\S+)/)
    const fed = (): number => fs.existsSync(log) ? fs.readFileSync(log, "utf8").split("WATCHDOG=1").length - 1 : 0
    const live = async (): Promise<number> => (await fetch(`${address}/live`)).status
    await expect.poll(fed, { timeout: 20_000 }).toBeGreaterThan(1)
    const blocked = get(port, "/block")
    await expect.poll(live, { timeout: 20_000 }).toBe(503)
    const before = fed()
    expect(await blocked).toBe("200 woken")
    // one may have been under way
    expect(fed() - before).toBeLessThanOrEqual(1)
    await expect.poll(fed, { timeout: 20_000 }).toBeGreaterThan(before + 2)
  })

  const bash = installed("bash")
  it.skipIf(bash === undefined)("completes verbs and flags in bash (skipped without bash)", async () => {
    const completed = `source <(${process.execPath} dist/cli.js completions bash)
complete -p tsgi
line() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); $(complete -p tsgi | sed 's/.*-F \\([^ ]*\\) .*/\\1/') "$1"; echo "\${COMPREPLY[@]}"; }
line tsgi serve --wo
line tsgi rel
line tsgi serve --wi
line tsgi serve --ver`
    const { code, stderr, stdout } = await run(bash ?? "", ["-c", completed], { cwd: folder })
    expect([code, stderr]).toEqual([0, []])
    // the flags that @effect/cli adds are not offered
    expect(stdout.slice(-4)).toEqual(["--workers", "reload", "", "--version"])
    for (const shell of ["bash", "zsh", "fish"]) {
      const script = await run(process.execPath, ["dist/cli.js", "completions", shell], { cwd: folder })
      expect(script.stdout.join("\n")).not.toMatch(/wizard|Generate a completion script|-l completions|--completions/)
    }
  })

  it.skipIf(bash === undefined)(
    "says nothing more to a reader that is gone, and names what it cannot write to",
    async () => {
      const node = `${process.execPath} dist/cli.js`
      const shell = (line: string) => run(bash ?? "", ["-c", line], { cwd: folder })
      // the reader ends before the first line
      expect(await shell(`set -o pipefail; ${node} --help | exec true`)).toMatchObject({ code: 0, stderr: [] })
      expect(await shell(`exec ${node} --help > /dev/full`)).toMatchObject({
        code: 1,
        stderr: [expect.stringMatching(/^tsgi: cannot write to standard output: ENOSPC/)]
      })
    }
  )

  const activate = installed("systemd-socket-activate")
  it.skipIf(activate === undefined)(
    "serves on a socket that it was started with (skipped without systemd)",
    async () => {
      write(folder, "app.mjs", app("activated"))
      const port = await freePort()
      await using program = new Program(
        activate ?? "",
        [
          ...["-l", `127.0.0.1:${port}`, process.execPath, path.join(folder, "dist/cli.js")],
          ..."serve app.mjs -w 2 --settle 0s --control none --access-log none".split(" ")
        ],
        { cwd: folder }
      )
      await program.line(/Listening on/)
      // the first client makes systemd start the server, and waits meanwhile
      expect(await get(port)).toBe("200 activated")
      await program.line(new RegExp(`listening on http://127\\.0\\.0\\.1:${port}, 2 workers`))
      program.kill("SIGTERM")
      expect(await program.ended).toMatchObject({ code: 0 })
    }
  )
})
