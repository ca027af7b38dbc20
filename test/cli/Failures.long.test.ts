/**
 * Failures of the surroundings and not of the app: files, descriptors, names that are taken, and what a killed server has left.
 * Each is a line that names the thing and the remedy, and none ends a running server.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { freePort } from "../utils/ports.js"
import { installed, Program } from "../utils/processes.js"
import { connect } from "../utils/sockets.js"
import { get, portOf, ready } from "./asking.js"
import { tsgi, write } from "./command.js"
import { folder, serve } from "./surroundings.js"

describe("of a server that runs,", { timeout: 60_000 }, () => {
  it("an uncaught exception is shown with its place, and another worker started", async () => {
    await using program = serve("-p", "0")
    const port = await portOf(program)
    await get(port, "/throw").catch(() => undefined)
    await program.line(/^Error: out of the blue/)
    await program.line(/app\.mjs:2:/)
    await program.line(/error worker 1 \(\d+\) exited with code [17] after .*; next try in/)
    expect(await get(port)).toBe("200 Hello")
  })

  const full = fs.existsSync("/dev/full")
  it.skipIf(!full)("a full disk takes the lines of its log, and of its own, and nothing else", async () => {
    await using logged = tsgi(folder, ..."serve app.mjs -p 0 --settle 0s --access-log /dev/full".split(" "))
    const port = await portOf(logged)
    expect(await get(port)).toBe("200 Hello")
    await logged.line(/\/dev\/full|ENOSPC|no space left/i)

    const status = await freePort()
    const line =
      `exec ${process.execPath} dist/cli.js serve app.mjs -p 0 --settle 0s --status 127.0.0.1:${status} 2>/dev/full`
    await using mute = new Program(installed("bash") ?? "bash", ["-c", line], {
      cwd: folder,
      env: { TSGI_CONTROL: "none" }
    })
    const isReady = () => fetch(`http://127.0.0.1:${status}/ready`).then(({ ok }) => ok, () => false)
    await expect.poll(isReady, { timeout: 20_000 }).toBe(true)
    mute.kill("SIGTERM")
    expect(await mute.ended).toMatchObject({ code: 0 })
  })
})

describe("of the machine and of tsgi itself,", { timeout: 60_000 }, () => {
  it("systemd-notify that is not there is a debug line, and nothing else", async () => {
    const words = [path.join(folder, "dist/cli.js"), ..."serve app.mjs -p 0 --settle 0s --log-level debug".split(" ")]
    await using program = new Program(process.execPath, words, {
      cwd: folder,
      env: { TSGI_CONTROL: "none", NOTIFY_SOCKET: path.join(folder, "notify"), PATH: folder }
    })
    const port = await portOf(program)
    await program.line(/debug systemd was not told: .*systemd-notify/)
    expect(await get(port)).toBe("200 Hello")
    program.kill("SIGTERM")
    expect(await program.ended).toMatchObject({ code: 0 })
  })

  it("systemd-notify that does not end is not waited for", async () => {
    const slow = path.join(folder, "slow")
    fs.mkdirSync(slow)
    write(slow, "systemd-notify", "#!/bin/sh\nexec /bin/sleep 60\n")
    fs.chmodSync(path.join(slow, "systemd-notify"), 0o755)
    const words = [path.join(folder, "dist/cli.js"), ..."serve app.mjs -p 0 --settle 0s --log-level debug".split(" ")]
    await using program = new Program(process.execPath, words, {
      cwd: folder,
      env: { TSGI_CONTROL: "none", NOTIFY_SOCKET: path.join(folder, "notify"), PATH: slow }
    })
    const port = await portOf(program)
    expect(await get(port)).toBe("200 Hello")
    await program.line(/debug systemd was not told: .*systemd-notify/)
    program.kill("SIGKILL")
  })

  it("a part of it that cannot be loaded is a defect of tsgi's own: its cause, exit code 1, and no process left", async () => {
    const [chunk] = fs.readdirSync(path.join(folder, "dist"), { recursive: true, encoding: "utf8" })
      .filter((name) => /^Control-[^/]*\.js$/.test(path.basename(name)))
    const file = path.join(folder, "dist", chunk)
    fs.renameSync(file, `${file}.away`)
    const { code, stderr } = await serve("-p", "0", "--pid-file", "defect.pid").ended
    fs.renameSync(`${file}.away`, file)
    expect(code).toBe(1)
    expect(stderr.join("\n")).toMatch(/^tsgi: a defect of tsgi's own: .*Control-/m)
    expect(fs.existsSync(path.join(folder, "defect.pid"))).toBe(false)
    const pids = stderr.flatMap((line) => /worker 1 \((\d+)\)/.exec(line)?.[1] ?? [])
    for (const pid of pids) expect(fs.existsSync(`/proc/${pid}`)).toBe(false)
  })

  it("a defect of the supervisor's shows its cause, and leaves no process", async () => {
    write(
      folder,
      "breaks.mjs",
      `if (process.argv[1].endsWith("cli.js")) process.on("SIGWINCH", () => { throw new Error("broken within") })`
    )
    await using program = new Program(
      process.execPath,
      ["--import", "./breaks.mjs", path.join(folder, "dist/cli.js"), ..."serve app.mjs -p 0 --settle 0s".split(" ")],
      { cwd: folder, env: { TSGI_CONTROL: "none" } }
    )
    const port = await portOf(program)
    const [, worker] = await program.line(/worker 1 \((\d+)\) ready/)
    program.kill("SIGWINCH")
    const { code, stderr } = await program.ended
    expect(code).toBe(1)
    expect(stderr.join("\n")).toContain("Error: broken within")
    await expect.poll(() => fs.existsSync(`/proc/${worker}/cmdline`), { timeout: 10_000 }).toBe(false)
    await using next = serve("-p", String(port))
    expect(await portOf(next)).toBe(port)
  })

  it("descriptors that are used up cost no waiting client its answer", async () => {
    const line = `ulimit -n 60; exec ${process.execPath} dist/cli.js serve app.mjs -p 0 --settle 0s`
    await using program = new Program(installed("bash") ?? "bash", ["-c", line], {
      cwd: folder,
      env: { TSGI_CONTROL: "none" }
    })
    const port = await portOf(program)
    const held = await Promise.all(
      Array.from({ length: 60 }, () => connect(port))
    )
    await program.line(/lost \(-\) Accept|EMFILE|too many open files/)
    for (const client of held) client.close()
    expect(await get(port)).toBe("200 Hello")
  })
})

describe("of a start,", { timeout: 60_000 }, () => {
  it("an address that is taken is tried again where that is asked for", async () => {
    await using first = serve("-p", "0")
    const port = await portOf(first)
    await using second = serve("-p", String(port), "--bind-retry")
    first.kill("SIGTERM")
    await first.ended
    expect(await portOf(second)).toBe(port)
    expect(await get(port)).toBe("200 Hello")
  })

  it("a pid file of a process that lives is respected, and one that cannot be written refused", async () => {
    const file = path.join(folder, "a.pid")
    fs.writeFileSync(file, `${process.pid}\n`)
    const refused = await serve("-p", "0", "--pid-file", file).ended
    expect(refused).toMatchObject({
      code: 5,
      stderr: [`tsgi: already running, pid ${process.pid}: it has ${file}`]
    })
    expect(await serve("-p", "0", "--pid-file", path.join(folder, "nix/a.pid")).ended).toMatchObject({
      code: 5,
      stderr: [expect.stringMatching(/^tsgi: --pid-file .*nix\/a\.pid: there is no folder/)]
    })
  })

  it("the port of --status that is taken is found before the app is loaded", async () => {
    write(
      folder,
      "loads.mjs",
      `import * as fs from "node:fs"\nfs.writeFileSync("loaded", "")\nexport default (env, startResponse) => ""`
    )
    const at = (port: string): ReadonlyArray<string> =>
      `serve loads.mjs -p 0 --settle 0s --access-log none --status 127.0.0.1:${port}`.split(" ")
    await using other = tsgi(folder, ...at("0"))
    const [, port] = await other.line(/status at http:\/\/127\.0\.0\.1:(\d+)/)
    fs.rmSync(path.join(folder, "loaded"))
    const { code, stderr } = await tsgi(folder, ...at(port)).ended
    expect([code, ...stderr]).toEqual([
      5,
      expect.stringMatching(`^tsgi: --status: cannot listen on http://127.0.0.1:${port}: `)
    ])
    expect(fs.existsSync(path.join(folder, "loaded"))).toBe(false)
  })

  it("a control socket and a pid file that were left are replaced, and a socket that cannot be made is a warning", async () => {
    const control = path.join(folder, "run/a.sock")
    await using killed = serve("-p", "0", "--control", control)
    await killed.line(ready)
    killed.kill("SIGKILL")
    await killed.ended
    expect(fs.existsSync(control)).toBe(true)
    await using again = serve("-p", "0", "--control", control)
    await again.line(/ready in \d+ ms, control at .*a\.sock/)
    const file = path.join(folder, "left.pid")
    for (
      const [nowhere, why, left] of [
        // this pid is above the highest of Linux
        ["/proc/nix/a.sock", /ENOENT/, "4194305\n"],
        [path.join(folder, "app.mjs/a.sock"), /EEXIST|ENOTDIR/, "no number"],
        [path.join(folder, "app.mjs"), /it is no socket/, ""]
      ] as const
    ) {
      fs.writeFileSync(file, left)
      await using program = serve("-p", "0", "--control", nowhere, "--pid-file", file)
      await program.line(
        new RegExp(`warn {2}no control socket at .*: .*(?:${why.source}).*; --control PATH puts it elsewhere`)
      )
      await program.line(ready)
      expect(Number(fs.readFileSync(file, "utf8"))).toBe(program.pid)
    }
    const long = path.join(folder, `${"a".repeat(100)}.sock`)
    await using program = serve("-p", "0", "--control", long)
    await program.line(
      new RegExp(`warn {2}no control socket at ${long}: the path is too long: .*; --control PATH puts it`)
    )
    // the file at the path is not removed
    expect(fs.readFileSync(path.join(folder, "app.mjs"), "utf8")).toContain("Hello")
  })

  it("TypeScript that this Node does not run is told with the remedy", async () => {
    // there is no tsx in this folder
    const elsewhere = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-typed-"))
    write(elsewhere, "typed.ts", "enum A { B }\nexport default () => String(A.B)")
    const { code, stderr } = await new Program(
      process.execPath,
      [path.join(folder, "dist/cli.js"), "check", "typed.ts", "--control", "none"],
      { cwd: elsewhere }
    ).ended
    fs.rmSync(elsewhere, { recursive: true, force: true })
    expect(code).toBe(4)
    expect(stderr.at(-1)).toMatch(/^tsgi: .*npm i -D tsx/)
  })
})
