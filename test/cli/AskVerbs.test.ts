/**
 * The verbs that ask a server, if the path has none of theirs: nothing, another program's server, or another user's.
 */
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as http from "node:http"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import * as AskVerbs from "../../src/cli/askVerbs.js"

let folder: string
const servers: Array<http.Server> = []
const serve = (name: string, listener: http.RequestListener) =>
  new Promise<void>((resolve) => servers.push(http.createServer(listener).listen(path.join(folder, name), resolve)))

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-ask-"))
  await serve("text.sock", (_, response) => void response.writeHead(503).end("no room now\n"))
  await serve("json.sock", (_, response) => void response.end(`{"message": "page not found"}`))
})
afterAll(() => {
  for (const server of servers) server.close()
  fs.rmSync(folder, { recursive: true, force: true })
})

const asked = (verb: string, argument: string, at: string) =>
  Effect.runPromise(
    Effect.match(AskVerbs.run(verb, argument, {}, path.join(folder, at)), {
      onFailure: ({ code, message }) => [code, message.replaceAll(folder, "")],
      onSuccess: (code) => [code]
    })
  )

it.each([["status", ""], ["reload", ""], ["stop", ""], ["scale", "2"], ["recycle", ""], ["reopen", ""]])(
  "tsgi %s says that another server answers",
  async (verb, argument) => {
    expect(await asked(verb, argument, "text.sock")).toEqual([7, "no tsgi at /text.sock: another server answers there"])
  }
)

it.each(["status", "stop"])("tsgi %s takes no other server's JSON for a status", async (verb) => {
  expect(await asked(verb, "", "json.sock")).toEqual([7, "no tsgi at /json.sock: another server answers there"])
})

it("no server is there, and others are beside", async () => {
  expect(await asked("status", "", "nix.sock")).toEqual([
    7,
    "no server at /nix.sock: give --name; beside it are json, text"
  ])
})

it("the sockets of servers that are gone are not named", async () => {
  const other = path.join(folder, "other")
  fs.mkdirSync(other)
  await serve("other/gone.sock", () => undefined)
  // a server that ends removes its own name of the socket only
  fs.linkSync(path.join(other, "gone.sock"), path.join(other, "stale.sock"))
  await new Promise((resolve) => servers.pop()?.close(resolve))
  expect(await asked("status", "", "other/nix.sock")).toEqual([
    7,
    "no server at /other/nix.sock: is it running here, under this --name?"
  ])
  await serve("other/one.sock", (_, response) => void response.end())
  expect(await asked("status", "", "other/nix.sock")).toEqual([
    7,
    "no server at /other/nix.sock: give --name; beside it is one"
  ])
})

it.skipIf(process.getuid?.() !== 0 || process.seteuid === undefined)(
  "it is another user's (skipped where this is not root)",
  async () => {
    const closed = path.join(folder, "closed")
    fs.mkdirSync(closed, { mode: 0o700 })
    await serve("closed/a.sock", (_, response) => void response.end())
    fs.chmodSync(folder, 0o755)
    process.seteuid?.(65_534)
    try {
      expect(await asked("status", "", "closed/a.sock")).toEqual([
        7,
        "may not ask /closed/a.sock: it is another user's"
      ])
    } finally {
      process.seteuid?.(0)
    }
  }
)
