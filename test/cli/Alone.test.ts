/**
 * `--workers 0`: the process itself serves, for debuggers, small containers and Windows. A feature that needs a worker says so.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import * as Journal from "../../src/cli/Journal.js"
import * as Listening from "../../src/cli/Listening.js"
import { makePlan } from "../../src/cli/makePlan.js"
import { read } from "../../src/cli/Settings.js"
import { run } from "../utils/processes.js"
import { get, portOf } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("alone")
  write(folder, "app.mjs", "")
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

it.each<readonly [flags: Readonly<Record<string, string | ReadonlyArray<string>>>, what: string | undefined]>([
  [{ watch: "true" }, "--watch"],
  [{ "node-arg": ["--inspect"] }, "--node-arg"],
  [{ "max-requests": "5" }, "--max-requests"],
  [{ "max-age": "5m" }, "--max-age"],
  [{ "max-memory": "5MiB" }, "--max-memory"],
  [{ "hang-timeout": "5s" }, "--hang-timeout"],
  [{ "hang-timeout": "0", "max-age": "0s", "max-requests": "0", watch: "false" }, undefined]
])("%j is for workers: %s", (flags, what) => {
  const settings = () => read({ flags: { workers: "0", ...flags }, env: {}, file: undefined, cwd: "/srv" })
  if (what === undefined) expect(settings().recycling.hangTimeout).toBe(0)
  else expect(settings).toThrow(`${what} needs a worker, and --workers 0 serves in this process: give --workers 1`)
})

it.each([["--workers", "0"], ["--workers", "1"]])(
  "%s %s on a unix socket: an app imports packages that are symlinks, as pnpm makes them",
  { timeout: 20_000 },
  async (...workers) => {
    const store = path.join(folder, "store", "node_modules")
    for (const name of ["aa", "bb"]) {
      fs.mkdirSync(path.join(store, name), { recursive: true })
      fs.writeFileSync(path.join(store, name, "package.json"), "{ \"type\": \"module\", \"exports\": \"./i.js\" }")
    }
    fs.writeFileSync(path.join(store, "aa", "i.js"), "export { default } from \"bb\"")
    fs.writeFileSync(path.join(store, "bb", "i.js"), "export default \"good\"")
    fs.mkdirSync(path.join(folder, "node_modules"), { recursive: true })
    fs.rmSync(path.join(folder, "node_modules", "aa"), { force: true })
    fs.symlinkSync(path.join(store, "aa"), path.join(folder, "node_modules", "aa"))
    write(
      folder,
      "linked.mjs",
      `export default async (env, startResponse) => {
  const { default: text } = await import("aa")
  startResponse("200 OK", [])
  return text
}`
    )
    const socketPath = path.join(folder, "linked.sock")
    await using program = tsgi(folder, "serve", "linked.mjs", "--unix", socketPath, "--settle", "0s", ...workers)
    await program.line(/info {2}ready in/)
    const text = await new Promise<string>((resolve, reject) => {
      http.get({ socketPath, path: "/" }, (response) => {
        response.setEncoding("utf8").once("data", resolve)
      }).once("error", reject)
    })
    expect(text).toBe("good")
  }
)

describe("on Windows, which hands no sockets on to other processes,", () => {
  const onWindows = (flags: Readonly<Record<string, string>>) =>
    read({ flags, env: {}, file: undefined, cwd: "/srv", platform: "win32" })

  it("a server has no workers by default, and says so where it is to have some", () => {
    expect(onWindows({})).toMatchObject({ workers: 0, control: undefined })
    expect(() => onWindows({ workers: "2" })).toThrow(
      "--workers 2: must be 0 on Windows, which hands no sockets on to other processes"
    )
  })

  it("binds where it serves", async () => {
    const listening = await Effect.runPromise(
      Effect.scoped(Listening.make(onWindows({ port: "8091", host: "127.0.0.1" }), {})).pipe(
        Effect.provideService(
          Journal.Journal,
          Journal.make({ format: "text", least: "info", banner: false, pid: 1 }, () => undefined)
        )
      )
    )
    expect(listening).toEqual([
      { at: { host: "127.0.0.1", port: 8091 }, tls: false, address: "http://127.0.0.1:8091", from: "bind" }
    ])
    const plan = await Effect.runPromise(makePlan("app.mjs", { ...onWindows({}), cwd: folder }, listening, {}))
    expect(plan.assignment.listeners).toMatchObject([{ host: "127.0.0.1", port: 8091, backlog: 511 }])
    expect(plan.child.descriptors).toEqual([])
  })
})

describe("a server in one process", { timeout: 60_000 }, () => {
  it("serves, tells how it is, refuses what needs another, and stops with what it has begun", async () => {
    write(folder, "before.mjs", "globalThis.before = 'imported'")
    write(folder, ".env", "FROM_FILE=file")
    write(
      folder,
      "app.mjs",
      `export default async (env, startResponse) => {
  startResponse("200 OK", [])
  if (env.PATH_INFO === "/slow") console.log("begun")
  if (env.PATH_INFO === "/slow") await new Promise((resolve) => setTimeout(resolve, 500))
  return [process.pid, env["wsgi.multiprocess"], process.env.FROM_FILE, globalThis.before, process.env.TSGI_SLOT].join(" ")
}`
    )
    const control = path.join(folder, "run/alone.sock")
    const verb = (...args: ReadonlyArray<string>) =>
      run(process.execPath, [path.join(folder, "dist/cli.js"), ...args, "--control", control], { cwd: folder })
    await using program = tsgi(
      folder,
      ..."serve app.mjs --workers 0 -p 0 --access-log none --settle 0s --env-file .env --import ./before.mjs".split(
        " "
      ),
      "--control",
      control
    )
    await program.line(/listening on .*, in this process/)
    const port = await portOf(program)
    expect(await get(port)).toBe(`200 ${program.pid} false file imported 1`)

    const refused = expect.stringMatching(
      /--workers 0 serves in this process, .*: start it with --workers 1$/
    ) as unknown
    expect(await verb("reload")).toMatchObject({ code: 8, stderr: [refused] })
    expect(await verb("scale", "2")).toMatchObject({ code: 2, stderr: [refused] })
    program.kill("SIGTTIN")
    await program.line(/warn {2}scale refused: --workers 0 serves in this process/)
    expect(await verb("status")).toMatchObject({
      code: 0,
      stdout: expect.arrayContaining([expect.stringMatching(/serving, 1 of 1 worker ready/)]) as unknown
    })

    const slow = get(port, "/slow")
    await program.line(/begun/)
    program.kill("SIGTERM")
    expect(await slow).toMatch(/^200 \d+ /)
    expect(await program.ended).toMatchObject({ code: 0, signal: null })
  })
})
