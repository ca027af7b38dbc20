/**
 * Addresses that are taken: by another program, by a supervisor that was started at the same moment, and by another address of
 * the same server. Each is named, and what is tried again says so each time.
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { claimControl } from "../../src/cli/claims.js"
import * as Journal from "../../src/cli/Journal.js"
import * as Listening from "../../src/cli/Listening.js"
import { read } from "../../src/cli/Settings.js"
import { freePort } from "../utils/ports.js"
import { Program } from "../utils/processes.js"
import { folderWithCommand, tsgi, write } from "./command.js"
import { QuickClock } from "./quickClock.js"

describe("--bind-retry", () => {
  it.each([7, 8])(
    "says each of its tries, and when the next is: the address is free after %i of them",
    async (tries) => {
      const clock = new QuickClock()
      const lines: Array<string> = []
      const journal = Journal.make(
        { format: "text", least: "info", banner: false, pid: 1 },
        (line) => lines.push(line.slice(25))
      )
      const holder = net.createServer()
      await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve))
      const address = holder.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const settings = read({
        flags: { port: String(port), "bind-retry": "true" },
        env: {},
        file: undefined,
        cwd: "/srv"
      })
      const binding = Effect.runFork(
        Effect.scoped(Listening.make(settings, {})).pipe(
          Effect.provideService(Journal.Journal, journal),
          Effect.withClock(clock)
        )
      )
      const waits: Array<string> = []
      for (let n = 1; n < 8; n++) {
        await expect.poll(() => lines.length).toBe(n)
        expect(lines[n - 1]).toMatch(
          new RegExp(
            `^tsgi\\[1\\] warn {2}cannot listen on http://127\\.0\\.0\\.1:${port}: another process listens there already.*; next try in `
          )
        )
        waits.push(/next try in (.*)$/.exec(lines[n - 1])?.[1] ?? "")
        if (n === tries) await new Promise((resolve) => holder.close(resolve))
        await Effect.runPromise(clock.adjust(500 * 2 ** (n - 1)))
      }
      const exit = await Effect.runPromise(Fiber.await(binding))
      holder.close()
      expect(waits).toEqual(["500 ms", "1 s", "2 s", "4 s", "8 s", "16 s", "32 s"])
      expect(lines).toHaveLength(7)
      expect(Exit.isSuccess(exit)).toBe(tries === 7)
    }
  )
})

describe("an address that is given twice", () => {
  const given = (...listen: ReadonlyArray<string>) => () =>
    read({
      flags: { listen, "tls-cert": "a.pem", "tls-key": "a.key" },
      env: {},
      file: undefined,
      cwd: "/srv/shop"
    })

  const once = "they are one address; give it once"
  it.each<readonly [listen: ReadonlyArray<string>, words: string, why: string]>([
    [["http://127.0.0.1:81", "http://127.0.0.1:81"], "--listen http://127.0.0.1:81 and http://127.0.0.1:81", once],
    [["http://127.0.0.1:81", "https://127.0.0.1:81"], "--listen http://127.0.0.1:81 and https://127.0.0.1:81", once],
    [
      ["http://[::]:81", "http://127.0.0.1:81"],
      "--listen http://[::]:81 and http://127.0.0.1:81",
      "one contains the other; leave one out"
    ],
    [
      ["http://a:81", "http://0.0.0.0:80", "127.0.0.1:80"],
      "--listen http://0.0.0.0:80 and 127.0.0.1:80",
      "one contains the other; leave one out"
    ],
    [["unix:a.sock", "unix:/srv/shop/a.sock"], "--listen unix:a.sock and unix:/srv/shop/a.sock", once],
    [["fd:3", "fd:4", "fd:3"], "--listen fd:3 and fd:3", once]
  ])("%j is refused, with what was given", (listen, words, why) => {
    expect(given(...listen)).toThrow(`${words}: ${why}`)
  })

  describe("by another name", () => {
    const bound = (flags: Readonly<Record<string, string | ReadonlyArray<string>>>): Promise<string> =>
      Effect.gen(function*() {
        const settings = read({ flags, env: {}, file: undefined, cwd: "/srv" })
        const listening = yield* Listening.make(settings, {})
        yield* Listening.makeStatus(settings, listening)
      }).pipe(
        Effect.scoped,
        Effect.provideService(
          Journal.Journal,
          Journal.make({ format: "text", least: "info", banner: false, pid: 1 }, () => undefined)
        ),
        Effect.flip,
        Effect.map(({ message }) => message),
        Effect.runPromise
      )

    it("is refused before a worker starts", async () => {
      const port = await freePort()
      const [one, other] = [`http://localhost:${port}`, `http://127.0.0.1:${port}`]
      expect(await bound({ listen: [one, other] })).toBe(`${one} and ${other}: they are one address; give it once`)
    })

    it("is refused as that of the status", async () => {
      const port = await freePort()
      expect(await bound({ port: String(port), status: `localhost:${port}` })).toBe(
        `--status localhost:${port}: the server itself listens there; give it another port`
      )
    })
  })

  it.each<readonly [listen: ReadonlyArray<string>]>([
    [["http://127.0.0.1:0", "http://127.0.0.1:0"]],
    [["http://127.0.0.1:80", "http://127.0.0.2:80", "https://127.0.0.1:443"]],
    [["http://[::1]:80", "http://0.0.0.0:80"]],
    [["unix:a.sock", "unix:b.sock", "fd:3", "fd:4"]]
  ])("%j is not", (listen) => {
    expect(given(...listen)().listen).toHaveLength(listen.length)
  })
})

describe("of two supervisors at the same moment, one", { timeout: 30_000 }, () => {
  let runtime: string
  beforeAll(() => {
    runtime = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-runtime-"))
  })
  afterAll(() => fs.rmSync(runtime, { recursive: true, force: true }))

  const quiet = Journal.make({ format: "text", least: "error", banner: false, pid: 1 }, () => undefined)
  const both = <A>(claim: Effect.Effect<A, { readonly message: string }, Scope.Scope | Journal.Journal>) =>
    Effect.scoped(Effect.all([Effect.either(claim), Effect.either(claim)], { concurrency: "unbounded" })).pipe(
      Effect.provideService(Journal.Journal, quiet),
      Effect.map((results) => results.flatMap((result) => Either.isLeft(result) ? [result.left.message] : [])),
      Effect.runPromise
    )

  it("has an address, and the other one is refused with the remedy; both when it has stopped", async () => {
    const port = await freePort()
    const settings = read({ flags: { port: String(port) }, env: {}, file: undefined, cwd: "/srv" })
    for (let round = 0; round < 30; round++) {
      expect(await both(Listening.make(settings, { XDG_RUNTIME_DIR: runtime }))).toEqual([
        `cannot listen on http://127.0.0.1:${port}: another server of this user is starting there; stop it, or choose another port`
      ])
    }
    expect(fs.readdirSync(path.join(runtime, "tsgi"))).toEqual([])
  })

  it("has a control socket, and the other one is refused with the remedy; both where a dead one has left it", async () => {
    const control = path.join(runtime, "shop.sock")
    for (let round = 0; round < 30; round++) {
      expect(await both(claimControl(control))).toEqual([
        `another server is starting with the control socket ${control}: give this one another --name`
      ])
    }
    expect(fs.existsSync(control)).toBe(false)
  })

  it("has no lock where the folder is another user's or cannot be made: the address can be bound all the same", async () => {
    const settings = read({ flags: { port: String(await freePort()) }, env: {}, file: undefined, cwd: "/srv" })
    expect(await both(Listening.make(settings, { XDG_RUNTIME_DIR: "/proc/nix" }))).toEqual([])
  })

  it("may take any free port", async () => {
    const settings = read({ flags: { port: "0" }, env: {}, file: undefined, cwd: "/srv" })
    expect(await both(Listening.make(settings, { XDG_RUNTIME_DIR: runtime }))).toEqual([])
  })
})

describe("a supervisor that is started with another one", { timeout: 60_000 }, () => {
  let folder: string
  beforeAll(async () => {
    folder = await folderWithCommand("together")
    write(folder, "app.mjs", `export default (env, startResponse) => { startResponse("200 OK", []); return "Hello" }`)
    // it listens when the other one does
    write(
      folder,
      "late.mjs",
      `import * as fs from "node:fs"
while (!fs.existsSync("ready")) await new Promise((resolve) => setTimeout(resolve, 20))
export { default } from "./app.mjs"`
    )
    write(
      folder,
      "counted.mjs",
      `import * as fs from "node:fs"
fs.appendFileSync("loaded", "1")
export { default } from "./late.mjs"`
    )
    write(
      folder,
      "metrics.mjs",
      `import { createServer } from "node:http"
createServer(() => undefined).listen(0, "127.0.0.1")
export { default } from "./late.mjs"`
    )
  }, 60_000)
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

  it.each<readonly [what: string, args: ReadonlyArray<string>, why: RegExp]>([
    [
      "address",
      ["--control", "none"],
      /^tsgi: cannot listen on http:.*: another server of this user is starting there; stop it, or/
    ],
    [
      "control socket",
      ["--control", "together.sock"],
      /^tsgi: (?:already running, pid|another server is starting).*: give this one another --name$/
    ]
  ])(
    "for one %s: one serves, and the other one ends with exit code 5 before it starts a worker",
    async (_, args, why) => {
      for (const file of ["loaded", "ready"]) fs.rmSync(`${folder}/${file}`, { force: true })
      const port = await freePort()
      const start = () => tsgi(folder, "serve", "counted.mjs", "-p", String(port), "--settle", "0s", ...args)
      await using one = start()
      await using other = start()
      const [{ code, stderr }, left] = await Promise.race([
        one.ended.then((ended) => [ended, other] as const),
        other.ended.then((ended) => [ended, one] as const)
      ])
      expect(stderr.filter((line) => line.startsWith("tsgi:"))).toEqual([expect.stringMatching(why)])
      expect(code).toBe(5)
      write(folder, "ready", "")
      await left.line(/info {2}ready in/)
      expect(fs.readFileSync(`${folder}/loaded`, "utf8")).toBe("1")
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("Hello")
    }
  )

  it.each([
    ["", "late.mjs", ""],
    [", though its app has a port of its own,", "metrics.mjs", "; metrics.mjs listens by itself, too"]
  ])(
    "and gets its address later%s ends with exit code 5, names the address, and leaves the other alone",
    async (_, app, more) => {
      fs.rmSync(`${folder}/ready`, { force: true })
      const port = await freePort()
      const words = ["-p", String(port), "--settle", "0s"]
      await using second = tsgi(folder, "serve", app, ...words)
      await second.line(/listening on/)
      // another user's, of which the second knows nothing
      const runtime = fs.mkdtempSync(`${folder}/runtime-`)
      await using first = new Program(process.execPath, ["dist/cli.js", "serve", "app.mjs", ...words], {
        cwd: folder,
        env: { TSGI_CONTROL: "none", XDG_RUNTIME_DIR: runtime }
      })
      await first.line(/info {2}ready in/)
      write(folder, "ready", "")
      const { code, stderr } = await second.ended
      expect(stderr.filter((line) => line.startsWith("tsgi: "))).toEqual([
        expect.stringMatching(
          new RegExp(
            `^tsgi: worker 1 cannot listen on http://127\\.0\\.0\\.1:${port}: another process listens there already; .*\\)${more}$`
          )
        )
      ])
      expect(code).toBe(5)
      expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("Hello")
    }
  )
})
