/**
 * What is not of the app but of its surroundings: files, descriptors, names that are taken, whatever was left by one that was
 * killed. Each is a line that names the thing and what to do, and none ends a server that runs.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freePort } from "../utils/ports.js"
import { installed, Program, run } from "../utils/processes.js"
import { connect } from "../utils/sockets.js"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
const serve = (...args: ReadonlyArray<string>): Program =>
  tsgi(folder, "serve", "app.mjs", "--settle", "0s", "--access-log", "none", ...args)

beforeAll(async () => {
  folder = await folderWithCommand("failures")
  write(
    folder,
    "app.mjs",
    `export default (env, startResponse) => {
  if (env.PATH_INFO === "/throw") setImmediate(() => { throw new Error("out of the blue") })
  startResponse("200 OK", [])
  return "Hello"
}`
  )
}, 60_000)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const ready = /info {2}ready in \d+ ms/
const portOf = async (program: Program): Promise<number> => {
  const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
  await program.line(ready)
  return Number(port)
}

const get = async (port: number, target = "/"): Promise<string> => {
  await using client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  return Buffer.from((await client.response()).body).toString()
}

describe("of a server that runs,", { timeout: 60_000 }, () => {
  it("an exception that nobody caught is shown with its place, and another worker started", async () => {
    await using program = serve("-p", "0")
    const port = await portOf(program)
    await get(port, "/throw").catch(() => undefined)
    await program.line(/^Error: out of the blue/)
    await program.line(/app\.mjs:2:/)
    await program.line(/error worker 1 \(\d+\) exited with code [17] after .*; next try in/)
    expect(await get(port)).toBe("Hello")
  })

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
    // the verbs find the server without it
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
    // what only a restart changes is told, and the rest is done
    write(folder, "tsgi.json", `{ "port": 0, "unready": "1s", "logLevel": "warn" }`)
    program.kill("SIGHUP")
    await program.line(/warn {2}restart to change unready, logLevel: a reload does not$/)
    await program.line(/reloaded in/)
    expect(await get(port)).toBe("Hello")
    write(folder, "tsgi.json", "{")
    expect(await verb("stop")).toMatchObject({ code: 0, stderr: [] })
    fs.rmSync(path.join(folder, "tsgi.json"))
  })

  const full = fs.existsSync("/dev/full")
  it.skipIf(!full)("a full disk takes the lines of its log, and of its own, and nothing else", async () => {
    await using logged = tsgi(folder, ..."serve app.mjs -p 0 --settle 0s --access-log /dev/full".split(" "))
    const port = await portOf(logged)
    expect(await get(port)).toBe("Hello")
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
  it("systemd-notify that is not there is a line for who debugs, and nothing else", async () => {
    const words = [path.join(folder, "dist/cli.js"), ..."serve app.mjs -p 0 --settle 0s --log-level debug".split(" ")]
    await using program = new Program(process.execPath, words, {
      cwd: folder,
      env: { TSGI_CONTROL: "none", NOTIFY_SOCKET: path.join(folder, "notify"), PATH: folder }
    })
    const port = await portOf(program)
    await program.line(/debug systemd was not told: .*systemd-notify/)
    expect(await get(port)).toBe("Hello")
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
    expect(await get(port)).toBe("Hello")
    await program.line(/debug systemd was not told: .*systemd-notify/)
    program.kill("SIGKILL")
  })

  it("a part of it that cannot be loaded is a defect of tsgi's own: its cause, exit code 1, and nobody left behind", async () => {
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

  it("a defect of the supervisor's shows its cause, and leaves nobody behind", async () => {
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

  it("descriptors that are used up cost nobody who waits his answer", async () => {
    const line = `ulimit -n 60; exec ${process.execPath} dist/cli.js serve app.mjs -p 0 --settle 0s`
    await using program = new Program(installed("bash") ?? "bash", ["-c", line], {
      cwd: folder,
      env: { TSGI_CONTROL: "none" }
    })
    const port = await portOf(program)
    const held = await Promise.all(
      Array.from({ length: 60 }, () => connect({ _tag: "Tcp", host: "127.0.0.1", port }))
    )
    await program.line(/lost \(-\) Accept|EMFILE|too many open files/)
    for (const client of held) client.close()
    expect(await get(port)).toBe("Hello")
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
    expect(await get(port)).toBe("Hello")
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
        // above what Linux gives
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
    // nobody's file is removed
    expect(fs.readFileSync(path.join(folder, "app.mjs"), "utf8")).toContain("Hello")
  })

  it("TypeScript that this Node does not run is told with the remedy", async () => {
    // where no tsx is found
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
