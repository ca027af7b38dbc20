/** A server that can be asked and told, by HTTP and by the command's verbs. */
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { afterAll, beforeAll } from "vitest"
import type { Program } from "../utils/processes.js"
import { type Ended, run } from "../utils/processes.js"
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

export const ask = (where: http.RequestOptions, method: string, target: string, accept = "*/*") =>
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

/** A server of two workers with a socket for control, when it is ready. */
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
    const [, port] = await started.program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    started.port = Number(port)
    await started.program.line(/info {2}ready in \d+ ms, control at .*app\.sock/)
    return started
  }

  /** What the command says and does with this server. */
  verb(...args: ReadonlyArray<string>): Promise<Ended> {
    return run(process.execPath, [path.join(folder, "dist/cli.js"), ...args, "--control", this.socketPath], {
      cwd: folder
    })
  }

  ask(method: string, target: string, accept?: string) {
    return ask({ socketPath: this.socketPath }, method, target, accept)
  }

  async status(): Promise<Told> {
    return JSON.parse((await this.ask("GET", "/status")).body) as Told
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.program[Symbol.asyncDispose]()
  }
}
