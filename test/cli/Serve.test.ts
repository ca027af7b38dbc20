/**
 * The command with real processes: it starts, reloads, replaces what dies, stops, and says in one line why it cannot start.
 * The matrix of failures has more kinds than are here; those that need time are in Supervisor.test.ts, on a test's clock.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Ended, Program } from "../utils/processes.js"
import { connect } from "../utils/sockets.js"
import { endings, folderWithCommand, tsgi, write } from "./command.js"

let folder: string

const hello = `export default (env, startResponse) => {
  if (env.PATH_INFO === "/crash") process.exit(7)
  if (env.PATH_INFO === "/block") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500)
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return env.PATH_INFO === "/pid" ? String(process.pid) : env.PATH_INFO === "/multi" ? String(env["wsgi.multiprocess"]) : "Hello"
}
`

// a part of it fails when it is built, which it is with the server there
const layer = `import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
const database = Layer.effectDiscard(Effect.zipRight(HttpServer.HttpServer, Effect.fail(new Error("no database"))))
export default Layer.merge(HttpServer.serve(HttpServerResponse.text("a")), database)
`

beforeAll(async () => {
  folder = await folderWithCommand("serve")
  write(folder, "hello.mjs", hello)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const serve = (...args: ReadonlyArray<string>): Program =>
  tsgi(folder, "serve", ...args, "--port", "0", "--access-log", "none")

const portOf = async (program: Program): Promise<number> => {
  const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
  await program.line(/ ready in \d+ ms$|error|^tsgi:/)
  return Number(port)
}

const get = async (port: number, target = "/"): Promise<string> => {
  await using client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  const { body, status } = await client.response()
  return `${status} ${Buffer.from(body).toString()}`
}

const ready = /worker \d \((\d+)\) ready/

type Failing = readonly [args: string, code: number, line: RegExp]

const failing: ReadonlyArray<Failing> = [
  ["serve nix.ts", 4, /^tsgi: there is no nix\.ts \(tried .*\/nix\.ts\)/],
  ["serve hello", 4, /^tsgi: there is no hello; did you mean hello\.mjs\?/],
  ["serve hello.msj", 4, /did you mean hello\.mjs\?/],
  ["serve dist", 4, /^tsgi: dist is a folder; give the app's file/],
  ["serve hello.mjs:nix -p 0", 4, /hello\.mjs has no export nix: its exports are default/],
  ["serve number.mjs -p 0", 4, /number\.mjs's default export is a number, and no app: an app is/],
  ["serve listens.mjs -p 0", 4, /listens\.mjs has no default export: it exports nothing, and listens by itself/],
  ["serve throws.mjs -p 0", 4, /worker 1 failed to load: cannot load throws\.mjs: Error: no luck \(throws\.mjs:1\)/],
  ["serve throws.mjs:make --factory -p 0", 4, /cannot load throws/],
  ["serve factory.mjs:make --factory -p 0", 3, /worker 1 failed to start: Error: no database/],
  ["serve exits.mjs -p 0", 3, /worker 1 exited with code 9 before it was ready/],
  ["serve hello.mjs --prot 1", 2, /^tsgi: there is no flag --prot; did you mean --port\?/],
  ["serve hello.mjs --workers two", 2, /^tsgi: --workers two: must be auto, or a whole number/],
  ["serve hello.mjs -p 70000", 2, /^tsgi: --port 70000: must be a whole number from 0 to 65535/],
  ["serve hello.mjs --grace 5", 2, /^tsgi: --grace 5: must be a time with its unit, such as 5s or 5ms$/],
  ["serve hello.mjs --port", 2, /^tsgi: --port needs a value: N/],
  ["serve hello.mjs --set limits.bdy=1 -p 0", 2, /worker 1 failed to start: OptionError: .*limits\.bdy/],
  ["check hello.mjs --set limits.bdy=1", 2, /worker 1 failed to start: OptionError: .*limits\.bdy/],
  ["check hello.mjs --set rates.body=-1", 2, /worker 1 failed to start: OptionError: .*rates\.body/],
  ["serve hello.mjs --trusted-proxies nonsense", 2, /^tsgi: --trusted-proxies nonsense: must be .*one of loopback/],
  ["check hello.mjs --proxy-from *", 2, /^tsgi: --proxy-from \*: must be .*: \* would believe every client/],
  ["serve layer.mjs -p 0", 3, /worker 1 failed to start: Error: no database$/],
  ["check layer.mjs", 3, /worker 1 failed to start: Error: no database$/],
  ["serve hello.mjs --tls-cert a.pem", 2, /^tsgi: --tls-cert needs --tls-key/],
  [
    "serve hello.mjs --host 203.0.113.1",
    5,
    /^tsgi: cannot listen on http:\/\/203\.0\.113\.1:8090: this machine has no such address/
  ],
  ["serve hello.mjs --unix /nowhere/a.sock", 5, /no such folder/],
  ["sreve hello.mjs", 2, /^tsgi: there is no verb sreve; did you mean tsgi serve\?/],
  ["hello.mjs", 2, /did you mean tsgi serve hello\.mjs\?/],
  ["-w 2 serve hello.mjs", 2, /^tsgi: -w stands before the verb: give the verb first, as in tsgi serve … -w …$/],
  ["serve hello.mjs --host a --host b", 2, /^tsgi: --host is given twice: --listen URL may be/],
  ["serve hello.mjs -w 1 --workers 2", 2, /^tsgi: --workers is given twice$/],
  ["serve hello.mjs -b 127.0.0.1:80", 2, /^tsgi: there is no flag -b; give --listen http:\/\/HOST:PORT, or --host/],
  ["serve hello.mjs --reload", 2, /^tsgi: there is no flag --reload; give --watch, or tsgi dev$/],
  ["serve hello.mjs --threads=4", 2, /^tsgi: there is no flag --threads; give --workers N/],
  ["serve hello.mjs -c a.toml", 2, /^tsgi: there is no flag -c; give --config$/],
  ["serve hello.mjs named.mjs", 2, /^tsgi: serve takes one app: hello\.mjs is one, and named\.mjs another$/],
  ["serve hello:app", 4, /^tsgi: there is no hello; did you mean hello\.mjs:app\?/],
  ["check named.mjs", 4, /named\.mjs has no default export: its exports are app; did you mean named\.mjs:app\?/],
  ["check nothing.mjs", 4, /nothing\.mjs has no default export: it exports nothing: export the app as default$/],
  ["check runs.mjs", 4, /it exports nothing, and handles SIGTERM or SIGINT \(NodeRuntime\.runMain does\): export/],
  ["check express.mjs", 4, /express\.mjs's default export is made for node:http .*; it listens by itself, which is/],
  ["serve", 2, /^tsgi: give an app: tsgi serve \.\/app\.ts$/],
  ["start hello.mjs", 2, /^tsgi: there is no verb start; did you mean tsgi serve\?/],
  ["restart", 2, /^tsgi: there is no verb restart; did you mean tsgi reload\?/],
  ["ps", 2, /^tsgi: there is no verb ps; did you mean tsgi status\?/],
  ["logs", 2, /^tsgi: there is no verb logs: the server's lines go to standard error/],
  ["completions", 2, /^tsgi: give <shell>: tsgi completions bash \| zsh \| fish \| sh$/],
  ["scale 2000 --control /nix/a.sock", 2, /^tsgi: scale 2000: must be at most 1024$/],
  ["serve hello.mjs --fd 9", 5, /^tsgi: --fd 9: no socket was inherited as that$/],
  [
    "serve hello.mjs --pid-file nix/a.pid -p 0",
    5,
    /^tsgi: --pid-file \/.*\/nix\/a\.pid: there is no folder \/.*\/nix$/
  ],
  ["serve hello.mjs --cwd /nix -p 0", 2, /^tsgi: --cwd \/nix: there is no such folder$/],
  ["serve hello.mjs --import nix", 2, /^tsgi: --import nix: there is no such package here; is it installed/],
  ["serve hello.mjs --import ./nix.mjs", 2, /^tsgi: --import \.\/nix\.mjs: there is no \/.*\/nix\.mjs$/],
  ["serve leaves.mjs -p 0", 3, /exited with code 0 before it was ready: its app ended the process, which/],
  ["serve hello.mjs -p 0 --node-arg=--nix", 3, /exited with code 9 before it was ready: node refuses an argument/],
  ["check class.mjs", 4, /OptionError: app: .*class/],
  ["check missing.mjs", 4, /Cannot find package 'nix' .*; is it installed \(npm i\)\?$/],
  ["check esm.cjs", 4, /SyntaxError: Unexpected token 'export'.*; Node takes it for CommonJS: name it \.mjs, or set/],
  ["check cjs.js", 4, /is not defined in ES module scope.*; Node takes it for a module: name it \.cjs/]
]

describe("tsgi serve", { timeout: 60_000 }, () => {
  it("serves, reloads to new workers, replaces one that is killed, and stops with 0", async () => {
    await using program = serve("hello.mjs", "--workers", "2", "--settle", "100ms")
    const port = await portOf(program)
    await program.line(/info {2}ready in \d+ ms/)
    expect(await get(port)).toBe("200 Hello")
    const first = program.stderr.flatMap((line) => ready.exec(line)?.[1] ?? [])
    expect(first).toHaveLength(2)

    program.kill("SIGHUP")
    await program.line(/reloaded in .*, generation 2/)
    const second = program.stderr.flatMap((line) => ready.exec(line)?.[1] ?? []).slice(2)
    expect(second).toHaveLength(2)
    // no old one accepts any more
    const [, pid] = (await get(port, "/pid")).split(" ")
    expect(second).toContain(pid)

    process.kill(Number(pid), "SIGKILL")
    await program.line(new RegExp(`worker \\d \\(${pid}\\) was killed by SIGKILL after .*out of memory\\? next try in`))
    // the other one serves meanwhile
    expect(await get(port)).toBe("200 Hello")

    // as a shell's job control, `timeout` or a service manager does: to all of them, one after the other
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
      /reload refused, the old workers stay: worker 1 failed to load: cannot load broken\.mjs: SyntaxError: .*\(broken\.mjs:2\)/
    )
    expect(await get(port, "/pid")).toBe(pid)
    program.kill("SIGINT")
    expect(await program.ended).toMatchObject({ code: 0 })
  })

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
    await using client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
    client.send("PROXY TCP4 203.0.113.7 203.0.113.8 4000 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect(Buffer.from((await client.response()).body).toString()).toBe("203.0.113.7 true")
    client.send("GET /fail HTTP/1.1\r\nHost: a\r\n\r\n")
    expect((await client.response()).status).toBe(500)
    await program.line(/bad luck/)
  })

  it("starts a worker again that ends by itself", async () => {
    await using program = serve("hello.mjs", "--settle", "0s")
    const port = await portOf(program)
    await expect(get(port, "/crash")).rejects.toThrow()
    await program.line(/worker 1 \(\d+\) exited with code 7 after .*; next try in/)
    // it waits in the system's queue
    expect(await get(port)).toBe("200 Hello")
  })

  describe("that cannot", () => {
    let ended: Awaited<ReturnType<typeof endings>>
    beforeAll(async () => {
      write(folder, "number.mjs", "export default 42")
      write(folder, "listens.mjs", `import { createServer } from "node:http"\ncreateServer().listen(0)`)
      write(folder, "throws.mjs", `throw new Error("no luck")`)
      write(folder, "exits.mjs", `process.exit(9)`)
      write(folder, "leaves.mjs", `process.exit(0)`)
      write(folder, "class.mjs", "export default class App {}")
      write(folder, "layer.mjs", layer)
      write(folder, "named.mjs", `export const app = () => ""`)
      write(folder, "nothing.mjs", "const a = 1")
      write(folder, "runs.mjs", `process.on("SIGTERM", () => {})\nsetInterval(() => {}, 1000)`)
      write(folder, "express.mjs", `import { createServer } from "node:http"\nexport default createServer().listen(0)`)
      write(folder, "missing.mjs", `import "nix"\nexport default () => ""`)
      write(folder, "esm.cjs", `export default () => ""`)
      write(folder, "cjs.js", `module.exports = () => ""`)
      write(folder, "factory.mjs", `export const make = async () => { throw new Error("no database") }`)
      ended = await endings(folder, failing.map(([args]) => args.split(" ")))
    })

    const expectEnding = ([, code, line]: Failing, ended: Pick<Ended, "code" | "stderr">): void => {
      expect(ended.stderr.join("\n")).toMatch(new RegExp(line.source, "m"))
      expect(ended.stderr.filter((text) => text.startsWith("tsgi:"))).toHaveLength(1)
      expect(ended.code).toBe(code)
    }

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
      /warn {2}node\.mjs's default export takes \(req, res\), as handlers of node:http do: an/
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
    await once.line(/info {2}ready in \d+ ms/)
    ctrlC(once)
    const { code, stderr } = await once.ended
    expect(code).toBe(0)
    expect(stderr.filter((line) => /^\s+at |Error/.test(line))).toEqual([])
    expect(stderr.filter((line) => / stopping$/.test(line))).toHaveLength(1)

    await using twice = inGroup()
    const port = await portOf(twice)
    await twice.line(/info {2}ready in \d+ ms/)
    const blocked = get(port, "/block").catch(() => "cut")
    await get(port)
    ctrlC(twice)
    await twice.line(/ stopping$/)
    ctrlC(twice)
    expect(await twice.ended).toMatchObject({ code: 130 })
    expect(await blocked).toBe("cut")
  })

  it("leaves no worker behind when it is killed itself, and the port is free", async () => {
    await using program = serve("hello.mjs", "--workers", "2")
    const port = await portOf(program)
    await program.line(/info {2}ready in \d+ ms/)
    const pids = program.stderr.flatMap((line) => ready.exec(line)?.[1] ?? []).map(Number)
    // one hears of it when it wakes
    const blocked = get(port, "/block").catch(() => "cut")
    await get(port)
    program.kill("SIGKILL")
    await program.ended
    await Promise.all(pids.map(gone))
    await blocked
    await using again = tsgi(folder, "serve", "hello.mjs", "-p", String(port), "--access-log", "none")
    await portOf(again)
    expect(await get(port)).toBe("200 Hello")
  })
})

/** Waits until a process is gone; its entry in /proc is what there is to look at. */
const gone = async (pid: number): Promise<void> => {
  while (fs.existsSync(path.join("/proc", String(pid)))) await new Promise((resolve) => setTimeout(resolve, 20))
}
