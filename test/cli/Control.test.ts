/** Status and control of a running server, by HTTP on its socket and by the command's verbs. */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"
import { ask } from "./asking.js"
import { write } from "./command.js"
import { Controlled, folder, good } from "./controlling.js"

const titleOf = (pid: number): string =>
  execFileSync("ps", ["-o", "args=", "-p", String(pid)], { encoding: "utf8" }).trim()

it("a server that runs tells how it is, reloads and stops as it is told", { timeout: 60_000 }, async () => {
  await using server = await Controlled.start()

  // only its user may open the socket, which answers each path
  expect(fs.statSync(server.socketPath).mode & 0o777).toBe(0o600)
  expect(fs.statSync(path.dirname(server.socketPath)).mode & 0o777).toBe(0o700)
  expect(await server.ask("GET", "/ready")).toMatchObject({ status: 200 })
  expect(await server.ask("GET", "/live")).toMatchObject({ status: 200 })
  expect(await server.ask("GET", "/nix")).toMatchObject({ status: 404 })
  expect(await server.ask("GET", "/reload")).toMatchObject({ status: 405 })
  expect(await server.ask("POST", "/status")).toMatchObject({ status: 405 })
  expect(await server.status()).toMatchObject({
    state: "serving",
    ready: 2,
    configured: 2,
    generation: 1,
    lastReload: null
  })
  // `ps` and `kill` find each slot
  const titles = (await server.status()).workers.map(({ pid, slot }) => [slot, titleOf(pid)])
  expect(titles).toEqual([1, 2].map((slot) => [slot, `tsgi: ${path.basename(folder)} worker ${slot}`]))
  expect(Number(fs.readFileSync(server.pidFile, "utf8"))).toBe((await server.status()).pid)
  expect((await server.ask("GET", "/status", "text/html")).type).toMatch(/^text\/html/)

  // counts are added up, and are not lost with a worker
  for (let i = 0; i < 5; i++) await fetch(`http://127.0.0.1:${server.port}/`)
  const counted = async (): Promise<number> => {
    const { body, type } = await server.ask("GET", "/metrics")
    expect(type).toMatch(/^text\/plain; version=0\.0\.4/)
    return Number(/^tsgi_requests_total\{status="2xx"\} (\d+)$/m.exec(body)?.[1] ?? 0)
  }
  await expect.poll(counted, { timeout: 10_000 }).toBe(5)
  const before = (await server.status()).workers.map(({ pid }) => pid)
  expect(await server.verb("reload")).toMatchObject({
    code: 0,
    stdout: [expect.stringMatching(/^reloaded in \d+ ms, generation 2/)]
  })
  expect(await counted()).toBe(5)
  await expect.poll(async () => (await server.status()).workers.length).toBe(2)
  expect((await server.status()).workers.some(({ pid }) => before.includes(pid))).toBe(false)

  expect(await server.verb("stop")).toMatchObject({ code: 0 })
  expect(server.program.stderr.some((line) => line.includes("no longer ready"))).toBe(true)
  expect(await server.program.ended).toMatchObject({ code: 0 })
  expect(fs.existsSync(server.socketPath) || fs.existsSync(server.pidFile)).toBe(false)
})

it("a server that stops tells so until its workers have ended, and is still told to end at once", {
  timeout: 60_000
}, async () => {
  await using server = await Controlled.start()
  const [, port] = await server.program.line(/status at http:\/\/127\.0\.0\.1:(\d+)/)
  const waiting = fetch(`http://127.0.0.1:${server.port}/wait`).catch(() => "cut")
  await server.program.line(/^waiting$/)
  // this reload never ends by itself
  write(folder, "app.mjs", "console.log('loading'); await new Promise((resolve) => setTimeout(resolve, 600_000))")
  const reload = server.ask("POST", "/reload")
  await server.program.line(/^loading$/)
  write(folder, "app.mjs", good)

  server.program.kill("SIGTERM")
  const refused = { status: 409, body: expect.stringContaining("the server stops") as unknown }
  expect(await reload).toMatchObject(refused)
  await server.program.line(/info {2}stopping$/)
  for (const target of ["/reload", "/scale?workers=4", "/recycle"]) {
    expect(await server.ask("POST", target), target).toMatchObject(refused)
  }
  for (const verb of [["scale", "4"], ["recycle"], ["reload"]]) {
    expect(await server.verb(...verb), verb.join(" ")).toMatchObject({
      code: 8,
      stdout: [],
      stderr: [expect.stringMatching(/^tsgi: (?:reload refused: )?the server stops$/)]
    })
  }
  expect(await server.status()).toMatchObject({ state: "stopping", configured: 2 })
  for (const where of [{ _tag: "Unix" as const, path: server.socketPath }, Number(port)]) {
    expect(await ask(where, "GET", "/ready")).toMatchObject({ status: 503 })
  }
  expect(fs.existsSync(server.pidFile)).toBe(true)

  expect(await server.verb("stop", "--now")).toMatchObject({ code: 0 })
  expect(await waiting).toBe("cut")
  expect(await server.program.ended).toMatchObject({ code: 0 })
  expect(fs.existsSync(server.socketPath) || fs.existsSync(server.pidFile)).toBe(false)
})
