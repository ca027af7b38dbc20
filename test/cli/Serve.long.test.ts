/**
 * The command with real processes: the rest of Serve.test.ts. The matrix of failures has more kinds than failing.ts; those that
 * need time are in Supervisor.test.ts, on the clock of a test.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Program } from "../utils/processes.js"
import { request } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"
import { get, portOf, workerReady } from "./asking.js"
import { endings, folderWithCommand, tsgi, write } from "./command.js"
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
  it("believes a PROXY header where it is told to, and keeps failures in sight without an access log", async () => {
    write(
      folder,
      "peer.mjs",
      `export default (env, startResponse) => {
  if (env.PATH_INFO === "/fail") throw new Error("bad luck")
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return env.REMOTE_ADDR + " " + env["wsgi.multiprocess"]
}`
    )
    await using program = serve("peer.mjs", "--proxy-protocol", "v1", "--workers", "2", "--settle", "0s")
    const port = await portOf(program)
    await using client = await connect(port)
    client.send(`PROXY TCP4 203.0.113.7 203.0.113.8 4000 80\r\n${request("GET", "/")}`)
    expect(Buffer.from((await client.response()).body).toString()).toBe("203.0.113.7 true")
    client.send(request("GET", "/fail"))
    expect((await client.response()).status).toBe(500)
    await program.line(/bad luck/)
  })

  it("starts a worker again that ends by itself", async () => {
    await using program = serve("hello.mjs", "--settle", "0s")
    const port = await portOf(program)
    await expect(get(port, "/crash")).rejects.toThrow()
    await program.line(/worker 1 \(\d+\) exited with code 7 after .*; next try in/)
    // the request waits in the system's queue
    expect(await get(port)).toBe("200 Hello")
  })

  describe("that cannot", () => {
    let ended: Awaited<ReturnType<typeof endings>>
    beforeAll(async () => {
      writeFailing(folder)
      ended = await endings(folder, failing.map(([args]) => args.split(" ")))
    })

    it.each(failing.map((row, i) => [row[0], row[1], i] as const))("tsgi %s: exit code %i", (_args, _code, i) => {
      expectEnding(failing[i], ended[i])
    })

    const kinds = failing.filter(([, code], i) => failing.findIndex(([, other]) => other === code) === i)
    it.each(kinds)("tsgi %s: exit code %i, of a process of its own", async (...row) => {
      expectEnding(row, await tsgi(folder, ...row[0].split(" ")).ended)
    })
  })

  it("checks an app for node:http with a hint, and says what is not used", async () => {
    write(folder, "node.mjs", "export default (req, res) => { res.end() }")
    const words = "check node.mjs --watch-path src".split(" ")
    const { code, stderr } = await tsgi(folder, ...words).ended
    expect(code).toBe(0)
    expect(stderr.join("\n")).toMatch(/warn {2}--watch-path changes nothing without --watch/)
    expect(stderr.join("\n")).toMatch(
      /warn {2}node\.mjs's default export takes \(req, res\), as handlers of node:http do; an/
    )
  })

  it("says that the port is taken, before a worker starts", async () => {
    await using program = serve("hello.mjs")
    const port = await portOf(program)
    const { code, stderr } = await tsgi(folder, "serve", "hello.mjs", "-p", String(port)).ended
    expect([code, ...stderr]).toEqual([5, expect.stringMatching(`^tsgi: cannot listen on http://127.0.0.1:${port}: `)])
  })

  it("stops once for a Ctrl-C, which a terminal sends to the whole group, and at once for two", async () => {
    const inGroup = () =>
      new Program("setsid", [
        process.execPath,
        path.join(folder, "dist/cli.js"),
        ..."serve hello.mjs -w 2 -p 0 --access-log none --settle 0s".split(" ")
      ], {
        cwd: folder,
        env: { TSGI_CONTROL: "none" }
      })
    const ctrlC = ({ pid = 0 }: Program): boolean => process.kill(-pid, "SIGINT")
    await using once = inGroup()
    await portOf(once)
    ctrlC(once)
    const { code, stderr } = await once.ended
    expect(code).toBe(0)
    expect(stderr.filter((line) => /^\s+at |Error/.test(line))).toEqual([])
    expect(stderr.filter((line) => / stopping$/.test(line))).toHaveLength(1)

    await using twice = inGroup()
    const port = await portOf(twice)
    const blocked = get(port, "/stuck").catch(() => "cut")
    await twice.line(/^blocked$/)
    ctrlC(twice)
    await twice.line(/ stopping$/)
    ctrlC(twice)
    expect(await twice.ended).toMatchObject({ code: 130 })
    expect(await blocked).toBe("cut")
  })

  it("leaves no worker behind when it is killed itself, and the port is free", async () => {
    await using program = serve("hello.mjs", "--workers", "2")
    const port = await portOf(program)
    const pids = program.stderr.flatMap((line) => workerReady.exec(line)?.[1] ?? []).map(Number)
    // the blocked worker notices it when it wakes
    const blocked = get(port, "/block").catch(() => "cut")
    await program.line(/^blocked$/)
    program.kill("SIGKILL")
    await program.ended
    await Promise.all(pids.map(gone))
    await blocked
    await using again = tsgi(folder, "serve", "hello.mjs", "-p", String(port), "--access-log", "none")
    await portOf(again)
    expect(await get(port)).toBe("200 Hello")
  })
})

/** Waits until a process is gone, and with it its entry in /proc. */
const gone = async (pid: number): Promise<void> => {
  while (fs.existsSync(path.join("/proc", String(pid)))) await new Promise((resolve) => setTimeout(resolve, 20))
}
