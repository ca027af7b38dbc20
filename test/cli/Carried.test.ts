/**
 * The other packages that the built command and doors contain: each is used for its purpose, because Node imports these packages
 * from the sources in another way than from a bundle.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { freePort } from "../utils/ports.js"
import { Program } from "../utils/processes.js"
import { portOf } from "./asking.js"
import { endings, folderWithCommand, tsgi, write } from "./command.js"
import { hello } from "./serving.js"

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("carried")
  write(folder, "hello.mjs", hello)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const settings: Readonly<Record<string, string>> = {
  "one.json": `{ "app": "hello.mjs", "listen": ["unix:a.sock"], "set": { "limits": { "body": "1MiB" } } }`,
  "one.yaml": "# an app\napp: hello.mjs\nlisten:\n  - unix:a.sock\nset:\n  limits:\n    body: 1MiB\n",
  "one.yml": "app: hello.mjs\nlisten: [unix:a.sock]\nset: { limits: { body: 1MiB } }\n",
  "one.toml": "app = \"hello.mjs\"\nlisten = [\"unix:a.sock\"]\n[set]\nlimits.body = \"1MiB\"\n"
}
const broken: Readonly<Record<string, string>> = {
  "two.json": `{ "app" "hello.mjs" }`,
  "two.yaml": "app: [hello.mjs\n",
  "two.yml": "app: hello: mjs\n",
  "two.toml": "app = hello.mjs\n"
}
const shells = ["bash", "zsh", "fish", "sh"]

describe("by the command", { timeout: 60_000 }, () => {
  let ended: Awaited<ReturnType<typeof endings>>
  const commands = [
    ...Object.keys({ ...settings, ...broken }).map((name) => ["check", "--config", name]),
    ...shells.map((shell) => ["completions", shell])
  ]
  const endOf = (...words: ReadonlyArray<string>) => ended[commands.findIndex((other) => other.join() === words.join())]
  beforeAll(async () => {
    for (const [name, text] of Object.entries({ ...settings, ...broken })) write(folder, name, text)
    ended = await endings(folder, commands)
  }, 60_000)

  it.each(Object.keys(settings))("settings are read from %s", (name) => {
    const { code, stderr, stdout } = endOf("check", "--config", name)
    expect(stderr).toEqual([])
    expect(stdout).toEqual([expect.stringMatching(/^hello\.mjs is a WSGI app, loaded in /)])
    expect(code).toBe(0)
  })

  it.each(Object.keys(broken))("a mistake in %s is told with its place", (name) => {
    const { code, stderr } = endOf("check", "--config", name)
    expect(stderr).toEqual([expect.stringMatching(`^tsgi: cannot read ${name}: .*(?:line|position|column)`)])
    expect(code).toBe(2)
  })

  it.each(shells)("completions are made for %s", (shell) => {
    const { code, stderr, stdout } = endOf("completions", shell)
    expect(stderr).toEqual([])
    expect(stdout.join("\n")).toMatch(/workers/)
    expect(code).toBe(0)
  })

  it("files are watched, and requests logged to a file, which is reopened", async () => {
    const log = path.join(folder, "access.log")
    await using program = tsgi(
      folder,
      ..."serve hello.mjs -p 0 --watch --watch-path hello.mjs --settle 0s --access-log".split(" "),
      log
    )
    const port = await portOf(program)
    const lines = (): string => fs.existsSync(log) ? fs.readFileSync(log, "utf8") : ""
    await fetch(`http://127.0.0.1:${port}/logged`)
    await expect.poll(lines).toMatch(/GET \/logged HTTP/)
    fs.renameSync(log, `${log}.1`)
    program.kill("SIGUSR2")
    await expect.poll(async () => {
      await fetch(`http://127.0.0.1:${port}/anew`)
      return lines()
    }).toMatch(/GET \/anew HTTP/)
    write(folder, "hello.mjs", `${hello}// saved`)
    await program.line(/info {2}hello\.mjs has changed|info {2}.*hello\.mjs has changed/)
    await program.line(/reloaded in /)
  })
})

const form = `--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nvalue\r\n--b--\r\n`
const posted = (port: number): Promise<string> =>
  fetch(`http://127.0.0.1:${port}/`, {
    method: "POST",
    body: form,
    headers: { "content-type": "multipart/form-data; boundary=b" }
  }).then((response) => response.text())

describe("by the doors", { timeout: 60_000 }, () => {
  it("forms are read at the plain one", async () => {
    write(
      folder,
      "form.mjs",
      `export default { fetch: async (request) => new Response((await request.formData()).get("a")) }`
    )
    await using program = tsgi(folder, ..."serve form.mjs -p 0 --access-log none".split(" "))
    expect(await posted(await portOf(program))).toBe("value")
  })

  it("forms and WebSockets are read at that of Effect", async () => {
    write(
      folder,
      "effect.mjs",
      `import { HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect } from "effect"
const form = Effect.map(HttpServerRequest.HttpServerRequest.pipe(Effect.flatMap((request) => request.multipart)), ({ a }) =>
  HttpServerResponse.text(a))
const echo = Effect.gen(function*() {
  const socket = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => request.upgrade)
  const write = yield* socket.writer
  yield* socket.runRaw((message) => write("said " + message))
  return HttpServerResponse.empty()
}).pipe(Effect.scoped)
export default Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ method }) => method === "POST" ? form : echo)
`
    )
    await using program = tsgi(folder, ..."serve effect.mjs -p 0 --access-log none".split(" "))
    const port = await portOf(program)
    expect(await posted(port)).toBe("value")
    const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
    socket.binaryType = "nodebuffer"
    const answer = new Promise<Buffer>((resolve, reject) => {
      socket.once("message", (data: Buffer) => resolve(data)).once("error", reject)
    })
    socket.once("open", () => socket.send("hello"))
    expect((await answer).toString()).toBe("said hello")
    socket.terminate()
  })

  it("a runner of a cluster serves, without a database", async () => {
    write(
      folder,
      "runner.mjs",
      `import { RunnerAddress, Sharding } from "@effect/cluster"
import { Effect, Layer, Option } from "effect"
import { TsgiClusterHttp } from "./dist/cluster.js"
const runnerAddress = Option.some(RunnerAddress.make("127.0.0.1", ${await freePort()}))
const runner = TsgiClusterHttp.layer({ transport: "http", storage: TsgiClusterHttp.local, shardingConfig: { runnerAddress } })
const id = await Effect.runPromise(Effect.provide(Effect.flatMap(Sharding.Sharding, (sharding) => sharding.getSnowflake), runner))
console.log("made " + typeof id)
process.exit(0)
`
    )
    await using program = new Program(process.execPath, ["runner.mjs"], { cwd: folder })
    await program.line(/^made bigint$/)
  })
})
