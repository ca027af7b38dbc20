/**
 * Rows of the failure matrix that need many processes: a crash loop to its end, the socket of a killed server, and systemd's own
 * program with a socket like systemd's.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { installed, Program } from "../utils/processes.js"
import { get, ready, workerReady } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("matrix")
  write(
    folder,
    "app.mjs",
    `import * as fs from "node:fs"
if (fs.existsSync("broken")) throw new Error("no luck")
export default (env, startResponse) => {
  startResponse("200 OK", [])
  return "Hello"
}`
  )
}, 60_000)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const serve = (...args: ReadonlyArray<string>): Program =>
  tsgi(folder, "serve", "app.mjs", "--settle", "0s", "--access-log", "none", ...args)

describe("a start", { timeout: 60_000 }, () => {
  it("replaces the unix socket of a server that was killed, and leaves that of one that runs", async () => {
    const socketPath = path.join(folder, "app.sock")
    await using killed = serve("--unix", socketPath)
    await killed.line(ready)
    expect(await serve("--unix", socketPath).ended).toMatchObject({
      code: 5,
      stderr: [expect.stringMatching(/^tsgi: cannot listen on .*app\.sock: /)]
    })
    const [, worker] = await killed.line(workerReady)
    killed.kill("SIGKILL")
    await killed.ended
    expect(fs.existsSync(socketPath)).toBe(true)
    // its worker may still serve for a moment, on the same socket
    await expect.poll(() => fs.existsSync(`/proc/${worker}`), { timeout: 10_000 }).toBe(false)
    await using again = serve("--unix", socketPath)
    await again.line(ready)
    expect(await get({ _tag: "Unix", path: socketPath })).toBe("200 Hello")
    again.kill("SIGTERM")
    expect(await again.ended).toMatchObject({ code: 0 })
    expect(fs.existsSync(socketPath)).toBe(false)
  })
})

describe("a server", { timeout: 90_000 }, () => {
  it("whose workers do not become ready any more ends with 6, and says why", async () => {
    await using program = serve("-p", "0", "-w", "3")
    await program.line(ready)
    write(folder, "broken", "")
    const pids = program.stderr.flatMap((line) => workerReady.exec(line)?.[1] ?? [])
    expect(pids).toHaveLength(3)
    for (const pid of pids) process.kill(Number(pid), "SIGKILL")
    const { code, stderr } = await program.ended
    fs.rmSync(path.join(folder, "broken"))
    expect(code).toBe(6)
    expect(stderr.at(-1)).toMatch(/^tsgi: no worker became ready after 1\d consecutive failures: .*no luck/)
    expect(stderr.filter((line) => line.startsWith("tsgi:"))).toHaveLength(1)
  })

  // this prints each datagram on a line, and closes the descriptors in it, for which systemd-notify waits
  const receiver = `import socket, sys
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.bind(sys.argv[1])
print("listening", flush=True)
while True: print(" ".join(notify.recv(4096).decode().split()), flush=True)
`

  const python = installed("python3")
  const systemd = installed("systemd-notify")
  it.skipIf(python === undefined || systemd === undefined)(
    "tells systemd by its own program when it is ready, reloads and stops (skipped without systemd and Python)",
    async () => {
      const socketPath = path.join(folder, "notify.sock")
      await using manager = new Program(python ?? "", ["-c", receiver, socketPath], { cwd: folder })
      await manager.line(/^listening$/)
      await using program = new Program(
        process.execPath,
        [path.join(folder, "dist/cli.js"), ..."serve app.mjs -p 0 --settle 0s --access-log none".split(" ")],
        { cwd: folder, env: { TSGI_CONTROL: "none", NOTIFY_SOCKET: socketPath } }
      )
      // with a barrier after each message, systemd-notify ends once the message was read
      const told = () => manager.stdout.filter((line) => /READY|RELOADING|STOPPING/.test(line))
      await manager.line(/READY=1/)
      const before = process.hrtime.bigint() / 1000n
      program.kill("SIGHUP")
      await program.line(/reloaded in/)
      const after = process.hrtime.bigint() / 1000n
      program.kill("SIGTERM")
      expect(await program.ended).toMatchObject({ code: 0 })
      await manager.line(/STOPPING=1/)
      expect(told().map((line) => line.replace(/MONOTONIC_USEC=\d+/, "MONOTONIC_USEC=n"))).toEqual([
        `MAINPID=${program.pid} READY=1 STATUS=serving`,
        `MAINPID=${program.pid} RELOADING=1 MONOTONIC_USEC=n STATUS=reloading`,
        `MAINPID=${program.pid} READY=1 STATUS=serving`,
        `MAINPID=${program.pid} STOPPING=1 STATUS=stopping`
      ])
      const [, since] = /MONOTONIC_USEC=(\d+)/.exec(told()[1]) ?? []
      expect(BigInt(since)).toBeGreaterThanOrEqual(before)
      expect(BigInt(since)).toBeLessThanOrEqual(after)
    }
  )
})
