/**
 * Apps that listen by themselves, which is the command's part: at another address there is a warning, and at the command's own
 * address the app is refused.
 */
import * as fs from "node:fs"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { freePort, freePorts } from "../utils/ports.js"
import type { Program } from "../utils/processes.js"
import { get, portOf } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("self")
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const serve = (app: string, ...args: ReadonlyArray<string>): Program =>
  tsgi(folder, "serve", app, "--access-log", "none", "--settle", "0s", ...args)

const app = `export default (env, startResponse) => { startResponse("200 OK", []); return "good" }`
const byOwnApi = (port: number): string =>
  `import { listen, server } from "./dist/index.js"
const app = (env, startResponse) => { startResponse("200 OK", []); return "good" }
server(listen({ port: ${port}, host: "127.0.0.1" }), app, { log: false })
export default app`
const byNode = (port: number): string =>
  `import { createServer } from "node:http"
createServer(() => undefined).listen(${port}, "127.0.0.1")
${app}`
const later = (port: number): string =>
  `import { createServer } from "node:http"
setTimeout(() => createServer(() => undefined).listen(${port}, "127.0.0.1"), 300)
${app}`

const said = /warn {2}app\.mjs listens by itself, which is the command's part$/

describe("an app that listens at another address", { timeout: 20_000 }, () => {
  it.each([["by tsgi's own API", byOwnApi], ["by node:http", byNode]])(
    "%s: check says it, and serve",
    async (_, text) => {
      write(folder, "app.mjs", text(0))
      const { code, stderr } = await tsgi(folder, "check", "app.mjs").ended
      expect(stderr.filter((line) => said.test(line))).toHaveLength(1)
      expect(code).toBe(0)
      await using program = serve("app.mjs", "-p", "0")
      await program.line(said)
    }
  )

  it("late, beside a unix socket of the command: serve says it", async () => {
    write(folder, "app.mjs", later(0))
    await using program = serve("app.mjs", "--unix", `${folder}/late.sock`)
    await program.line(said)
  })

  it("on a unix socket: serve says it", async () => {
    write(
      folder,
      "app.mjs",
      `import { createServer } from "node:net"\ncreateServer(() => undefined).listen("own.sock")\n${app}`
    )
    await using program = serve("app.mjs", "-p", "0")
    await program.line(said)
  })

  it("with --workers 0, whose status and control socket are none of the app's: there is no warning", async () => {
    write(folder, "app.mjs", app)
    const control = `${folder}/here.sock`
    await using program = serve("app.mjs", "-p", "0", "-w", "0", "--status", "127.0.0.1:0", "--control", control)
    const port = await portOf(program)
    const [, status] = await program.line(/ready in .*control at .*status at (http:.*)/)
    expect(await get(port)).toBe("200 good")
    // the beat that counts it would warn
    await expect.poll(() => fetch(`${status}/status`).then((answer) => answer.text()), { timeout: 10_000 })
      .toMatch(/"totals":\{"requests":1,/)
    expect(program.stderr.filter((line) => said.test(line))).toEqual([])
  })

  it.each(["0", "1"])("late, with --workers %s: serve says it, once, and serves", async (workers) => {
    write(folder, "app.mjs", later(0))
    await using program = serve("app.mjs", "-p", "0", "-w", workers)
    const port = await portOf(program)
    await program.line(said)
    expect(await get(port)).toBe("200 good")
    await program.line(/info/)
    expect(program.stderr.filter((line) => said.test(line))).toHaveLength(1)
  })
})

describe("an app that listens by itself and exports no app", { timeout: 20_000 }, () => {
  const without = (text: string): string => text.replace(/export default .*/, "")
  it.each([["by tsgi's own API", byOwnApi], ["by node:http", byNode]])("%s: check says so", async (_, text) => {
    write(folder, "app.mjs", without(text(0)))
    const { code, stderr } = await tsgi(folder, "check", "app.mjs").ended
    expect(stderr).toContain(
      "tsgi: worker 1 failed to load: app.mjs has no default export: it exports nothing, and listens by itself: " +
        "export the app as default instead"
    )
    expect(code).toBe(4)
  })
})

describe("an app with a port for metrics", { timeout: 30_000 }, () => {
  it("that all workers take: the second is told what it needs", async () => {
    const port = await freePort()
    write(folder, "metrics.mjs", byNode(port))
    const { code, stderr } = await serve("metrics.mjs", "-p", "0", "-w", "2").ended
    expect(stderr.filter((line) => line.startsWith("tsgi:"))).toEqual([
      expect.stringMatching(
        new RegExp(
          `^tsgi: worker \\d failed to load: metrics\\.mjs listens by itself: listen EADDRINUSE: .*:${port}; ` +
            "export the app, and leave the call that listens out; a port for something else, such as metrics, needs TSGI_SLOT"
        )
      )
    ])
    expect(code).toBe(4)
  })

  it("of its slot, as the README has it: each worker has its own, also after a reload", async () => {
    const readme = fs.readFileSync(new URL("../../src/cli/README.md", import.meta.url), "utf8")
    const code = /```js\n([^`]*TSGI_SLOT[^`]*)```/.exec(readme)?.[1] ?? ""
    const ports = await freePorts(2)
    const number = "9100 + Number(process.env.TSGI_SLOT)"
    expect(code).toContain(number)
    const register = "const register = { metrics: async () => String(process.pid) }"
    const own = `${JSON.stringify(ports)}[process.env.TSGI_SLOT - 1]`
    write(folder, "metrics.mjs", `${code.replace(/^import .*prom.*$/m, register).replace(number, own)}\n${app}`)
    await using program = serve("metrics.mjs", "-p", "0", "-w", "2")
    await program.line(/info {2}ready in/)
    const pids = () => Promise.all(ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/`)).text()))
    const first = await pids()
    expect(new Set(first).size).toBe(2)
    program.kill("SIGHUP")
    await program.line(/reloaded in/)
    await expect.poll(() => pids().then((now) => now.some((pid) => first.includes(pid)), () => true), {
      timeout: 20_000
    })
      .toBe(false)
  })
})

describe("an app that listens at the command's own address", { timeout: 20_000 }, () => {
  // no process has to be stopped, and no port to be changed
  // the app or the worker is first
  const refused =
    /^tsgi: worker \d failed to load: app\.mjs listens by itself(?:: listen EADDRINUSE: [^;]*;| on http:\/\/127\.0\.0\.1:\d+, which is the command's address:) export the app, and leave .* out$/

  it.each([
    ["by tsgi's own API", byOwnApi, "1"],
    ["by tsgi's own API, in two workers", byOwnApi, "2"],
    ["by node:http", byNode, "1"],
    ["by node:http, in two workers", byNode, "2"]
  ])("%s: it is refused with the remedy", async (_, text, workers) => {
    const port = await freePort()
    write(folder, "app.mjs", text(port))
    const { code, stderr } = await serve("app.mjs", "-p", String(port), "-w", workers).ended
    expect(stderr.filter((line) => line.startsWith("tsgi:"))).toEqual([expect.stringMatching(refused)])
    expect(code).toBe(4)
  })

  it.each(["0", "1"])(
    "with --workers %s, where it has the address before the worker: the line says so",
    async (workers) => {
      const port = await freePort()
      write(
        folder,
        "app.mjs",
        `import { createServer } from "node:http"
await new Promise((resolve) => createServer(() => undefined).listen(${port}, "127.0.0.1", resolve))
${app}`
      )
      const { code, stderr } = await serve("app.mjs", "-p", String(port), "-w", workers).ended
      expect(stderr.filter((line) => line.startsWith("tsgi:"))).toEqual([
        `tsgi: worker 1 failed to load: app.mjs listens by itself on http://127.0.0.1:${port}, which is the command's address: ` +
        "export the app, and leave the call that listens out"
      ])
      expect(code).toBe(4)
    }
  )

  it("late: the worker's end says why", async () => {
    const port = await freePort()
    write(folder, "app.mjs", later(port))
    await using program = serve("app.mjs", "-p", String(port))
    await program.line(
      /worker 1 \(\d+\) exited with code 1 after .*; app\.mjs listens by itself: .*EADDRINUSE.*; next try/
    )
  })
})

it("a reload to a Layer that brings its own server leaves the old workers", { timeout: 20_000 }, async () => {
  write(folder, "turns.mjs", app)
  await using program = serve("turns.mjs", "-p", "0")
  const port = await portOf(program)
  write(
    folder,
    "turns.mjs",
    `import { HttpServer, HttpServerResponse } from "@effect/platform"
import { NodeHttpServer } from "@effect/platform-node"
import { Layer } from "effect"
import { createServer } from "node:http"
export default Layer.provide(HttpServer.serve(HttpServerResponse.text("bad")), NodeHttpServer.layer(createServer, { port: 0 }))`
  )
  const { code, stderr } = await tsgi(folder, "check", "turns.mjs").ended
  expect(stderr).toEqual([
    expect.stringMatching(
      /^tsgi: worker 1 failed to load: turns\.mjs's default export is a Layer that serves nothing here: /
    )
  ])
  expect(code).toBe(4)
  program.kill("SIGHUP")
  await program.line(/reload refused, the old workers stay: .*serves nothing here/)
  expect(await get(port)).toBe("200 good")
})

const effects = `import { NodeHttpServer } from "@effect/platform-node"
import { HttpServer, HttpServerResponse } from "@effect/platform"
import { Effect, Layer, Runtime } from "effect"
import { createServer } from "node:http"
const app = HttpServerResponse.text("good")
const port = NodeHttpServer.layer(createServer, { port: 0, host: "127.0.0.1" })
`
const inFiber = "Layer.scopedDiscard(Effect.forkScoped(Effect.delay(HttpServer.serveEffect(app), 3000)))"

describe("a Layer that does not serve when it is built", { timeout: 30_000 }, () => {
  it.each([
    ["asks for the HttpServer alone", "Layer.effectDiscard(HttpServer.HttpServer)"],
    ["serves on its own server", "Layer.provide(HttpServer.serve(app), port)"]
  ])("%s: it is refused, served or checked", async (_, layer) => {
    write(folder, "layer.mjs", `${effects}export default ${layer}`)
    for (const ended of [serve("layer.mjs", "-p", "0").ended, tsgi(folder, "check", "layer.mjs").ended]) {
      const { code, stderr } = await ended
      expect(stderr.filter((line) => line.startsWith("tsgi:"))).toEqual([
        expect.stringMatching(/default export is a Layer that serves nothing here: .*leave out .* server/)
      ])
      expect(code).toBe(4)
    }
  })

  it.each([
    ["in a fiber", inFiber],
    ["in a fiber, beside a port of its own", `Layer.merge(Layer.discard(port), ${inFiber})`],
    [
      "in a callback, beside a port of its own",
      `Layer.merge(Layer.discard(port), Layer.scopedDiscard(Effect.map(Effect.runtime(), (runtime) => {
        setTimeout(() => Runtime.runPromise(runtime)(HttpServer.serveEffect(app)), 3000)
      })))`
    ]
  ])("serves after 3 s %s: it is served, with a warning", async (_, layer) => {
    write(folder, "layer.mjs", `${effects}export default ${layer}`)
    const checked = tsgi(folder, "check", "layer.mjs").ended
    await using program = serve("layer.mjs", "-p", "0")
    const listening = portOf(program)
    await program.line(/warn .*default export is a Layer that serves nothing yet/)
    expect(await get(await listening)).toBe("200 good")
    expect((await checked).code).toBe(0)
  })
})
