/** Status and control of a server that runs: by HTTP on its socket and port, and by the command's verbs. */
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { run } from "../utils/processes.js"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
const good = `export default (env, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return String(process.pid)
}`

beforeAll(async () => {
  folder = await folderWithCommand("control")
  write(folder, "app.mjs", good)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const ask = (where: http.RequestOptions, method: string, target: string, accept = "*/*") =>
  new Promise<{ readonly status: number | undefined; readonly type: string; readonly body: string }>(
    (resolve, reject) => {
      const request = http.request(
        { ...where, method, path: target, headers: { accept }, agent: false },
        (response) => {
          const parts: Array<Buffer> = []
          response.on("data", (part: Buffer) => parts.push(part))
          response.once("end", () =>
            resolve({
              status: response.statusCode,
              type: response.headers["content-type"] ?? "",
              body: Buffer.concat(parts).toString()
            }))
        }
      )
      request.once("error", reject)
      request.end()
    }
  )

interface Told {
  readonly pid: number
  readonly state: string
  readonly ready: number
  readonly configured: number
  readonly generation: number
  readonly lastReload: { readonly result: string; readonly error: string | null } | null
  readonly totals: { readonly requests: number }
  readonly workers: ReadonlyArray<{ readonly slot: number; readonly pid: number; readonly state: string }>
}

describe("a server that runs", { timeout: 150_000 }, () => {
  it("tells how it is, and does as it is told", async () => {
    const socketPath = path.join(folder, "run/app.sock")
    const pidFile = path.join(folder, "app.pid")
    const verb = (...args: ReadonlyArray<string>) =>
      run(process.execPath, [path.join(folder, "dist/cli.js"), ...args, "--control", socketPath], { cwd: folder })
    await using program = tsgi(
      folder,
      ..."serve app.mjs -w 2 -p 0 --access-log none --settle 0s --unready 300ms --status 127.0.0.1:0".split(" "),
      ...["--control", socketPath, "--pid-file", pidFile]
    )
    const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    await program.line(/info {2}ready in \d+ ms, control at .*app\.sock/)
    const control = { socketPath }

    // the socket is its user's alone, and says what it should
    expect(fs.statSync(socketPath).mode & 0o777).toBe(0o600)
    expect(fs.statSync(path.dirname(socketPath)).mode & 0o777).toBe(0o700)
    expect(await ask(control, "GET", "/ready")).toMatchObject({ status: 200 })
    expect(await ask(control, "GET", "/live")).toMatchObject({ status: 200 })
    expect(await ask(control, "GET", "/nix")).toMatchObject({ status: 404 })
    expect(await ask(control, "GET", "/reload")).toMatchObject({ status: 405 })
    expect(await ask(control, "POST", "/status")).toMatchObject({ status: 405 })
    const status = async () => JSON.parse((await ask(control, "GET", "/status")).body) as Told
    expect(await status()).toMatchObject({ state: "serving", ready: 2, configured: 2, generation: 1, lastReload: null })
    expect(Number(fs.readFileSync(pidFile, "utf8"))).toBe((await status()).pid)
    expect((await ask(control, "GET", "/status", "text/html")).type).toMatch(/^text\/html/)

    // what is counted is summed, and is not lost with a worker
    for (let i = 0; i < 5; i++) await fetch(`http://127.0.0.1:${port}/`)
    const counted = async (): Promise<number> => {
      const { body, type } = await ask(control, "GET", "/metrics")
      expect(type).toMatch(/^text\/plain; version=0\.0\.4/)
      return Number(/^tsgi_requests\{status="2xx"\} (\d+)$/m.exec(body)?.[1] ?? 0)
    }
    await expect.poll(counted, { timeout: 10_000 }).toBe(5)
    const before = (await status()).workers.map(({ pid }) => pid)
    expect(await verb("reload")).toMatchObject({
      code: 0,
      stdout: [expect.stringMatching(/^reloaded in \d+ ms, generation 2/)]
    })
    expect(await counted()).toBe(5)
    await expect.poll(async () => (await status()).workers.length).toBe(2)
    expect((await status()).workers.some(({ pid }) => before.includes(pid))).toBe(false)

    // a broken app
    write(folder, "app.mjs", "throw new Error('no luck')")
    expect(await verb("reload")).toMatchObject({
      code: 8,
      stderr: [expect.stringMatching(/^tsgi: reload refused: worker 1 failed to load: .*no luck/)]
    })
    expect(await status()).toMatchObject({ ready: 2, generation: 2, lastReload: { result: "refused" } })
    write(folder, "app.mjs", good)

    // more, fewer, another one
    expect(await verb("scale", "+1")).toMatchObject({ code: 0, stdout: ["3 workers"] })
    await expect.poll(async () => (await status()).ready, { timeout: 10_000 }).toBe(3)
    expect(await verb("scale", "1")).toMatchObject({ code: 0, stdout: ["1 worker"] })
    expect(await verb("scale", "0")).toMatchObject({
      code: 2,
      stderr: ["tsgi: cannot scale to 0: at least one worker must stay; tsgi stop ends the server"]
    })
    const [first] = (await status()).workers
    expect(await verb("recycle", "1")).toMatchObject({ code: 0 })
    await expect.poll(
      async () => (await status()).workers.filter(({ state }) => state === "ready").map(({ pid }) => pid),
      {
        timeout: 10_000
      }
    ).not.toContain(first?.pid)
    expect(await verb("recycle", "7")).toMatchObject({ code: 2 })
    expect(await verb("status")).toMatchObject({
      code: 0,
      stdout: expect.arrayContaining([expect.stringMatching(/: serving, 1 of 1 worker ready/)]) as unknown
    })

    // nobody else takes its place
    const other = await run(
      process.execPath,
      [path.join(folder, "dist/cli.js"), "serve", "app.mjs", "-p", "0", "--control", socketPath],
      { cwd: folder }
    )
    expect(other).toMatchObject({ code: 5, stderr: [expect.stringMatching(/^tsgi: already running, pid \d+/)] })

    expect(await verb("stop")).toMatchObject({ code: 0 })
    expect(program.stderr.some((line) => line.includes("no longer ready"))).toBe(true)
    expect(await program.ended).toMatchObject({ code: 0 })
    expect(fs.existsSync(socketPath) || fs.existsSync(pidFile)).toBe(false)
    expect(await verb("status")).toMatchObject({ code: 7, stderr: [expect.stringMatching(/^tsgi: no server at/)] })
  })

  it("tells by TCP, changes nothing there, and is not ready while it waits to stop", async () => {
    await using free = tsgi(folder, ..."serve app.mjs -p 0 --access-log none --settle 0s".split(" "))
    const [, taken] = await free.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    free.kill("SIGTERM")
    await free.ended
    await using program = tsgi(
      folder,
      ..."serve app.mjs -p 0 --access-log none --settle 0s --unready 2s --status".split(" "),
      `127.0.0.1:${taken}`
    )
    const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    await program.line(/info {2}ready in \d+ ms/)
    const tcp = { host: "127.0.0.1", port: Number(taken) }
    expect(await ask(tcp, "GET", "/ready")).toMatchObject({ status: 200 })
    expect(await ask(tcp, "POST", "/stop")).toMatchObject({ status: 405 })
    expect(await ask(tcp, "POST", "/reload")).toMatchObject({ status: 405 })
    program.kill("SIGTERM")
    await program.line(/no longer ready/)
    expect(await ask(tcp, "GET", "/ready")).toMatchObject({ status: 503 })
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200)
    // a second one is in no mood to wait
    program.kill("SIGINT")
    expect(await program.ended).toMatchObject({ code: 130 })
  })
})
