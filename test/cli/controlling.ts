/** A server that is controlled by HTTP and by the command's verbs. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll } from "vitest"
import type { Program } from "../utils/processes.js"
import { type Ended, run } from "../utils/processes.js"
import { ask, portOf } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

export let folder: string
export const good = `export default (env, startResponse) => {
  if (env.PATH_INFO === "/wait") {
    console.log("waiting")
    return new Promise(() => undefined)
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return String(process.pid)
}`

beforeAll(async () => {
  folder = await folderWithCommand("control")
  write(folder, "app.mjs", good)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

export interface Told {
  readonly pid: number
  readonly state: string
  readonly ready: number
  readonly configured: number
  readonly generation: number
  readonly lastReload: { readonly result: string; readonly error: string | null } | null
  readonly totals: { readonly requests: number }
  readonly workers: ReadonlyArray<{ readonly slot: number; readonly pid: number; readonly state: string }>
}

/** A ready server with two workers and a control socket. */
export class Controlled implements AsyncDisposable {
  readonly socketPath = path.join(folder, "run/app.sock")
  readonly pidFile = path.join(folder, "app.pid")
  port = 0

  private constructor(readonly program: Program) {}

  static async start(): Promise<Controlled> {
    const words = "serve app.mjs -w 2 -p 0 --access-log none --settle 0s --unready 300ms --status 127.0.0.1:0".split(
      " "
    )
    const where = ["--control", path.join(folder, "run/app.sock"), "--pid-file", path.join(folder, "app.pid")]
    const started = new Controlled(tsgi(folder, ...words, ...where))
    started.port = await portOf(started.program)
    await started.program.line(/info {2}ready in \d+ ms, control at .*app\.sock/)
    return started
  }

  /** Runs a verb of the command for this server. */
  verb(...args: ReadonlyArray<string>): Promise<Ended> {
    return run(process.execPath, [path.join(folder, "dist/cli.js"), ...args, "--control", this.socketPath], {
      cwd: folder
    })
  }

  /** Sends a request to the control socket. */
  async ask(method: string, target: string, accept = "*/*") {
    const response = await ask({ _tag: "Unix", path: this.socketPath }, method, target, `Accept: ${accept}`)
    return { status: response.status, type: response.get("content-type"), body: response.body.toString() }
  }

  async status(): Promise<Told> {
    return JSON.parse((await this.ask("GET", "/status")).body) as Told
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]()
  }
}
