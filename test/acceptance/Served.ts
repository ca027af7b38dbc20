/** `tsgi serve` as a process, with requests from outside. */
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { freePort } from "../utils/ports.js"
import type { Ended, Program } from "../utils/processes.js"
import type { Product } from "./Product.js"

export interface Answer {
  readonly status: number
  readonly headers: http.IncomingHttpHeaders
  readonly body: string
}

/** The flag of servers whose access log is not read. */
export const quiet = "--access-log none"

/** Sends one request on a connection of its own. */
export const ask = (options: http.RequestOptions): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = http.request({ host: "127.0.0.1", agent: false, timeout: 20_000, ...options }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (part: string) => body += part)
      response.once("error", reject)
      response.once("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }))
    })
    request.once("timeout", () => request.destroy(new Error("no answer in 20 s")))
    request.once("error", reject)
    request.end()
  })

export interface Worker {
  readonly slot: number
  readonly pid: number
  readonly generation: number
  readonly state: string
  readonly lastBeat: number
  readonly connections: { readonly active: number }
  readonly rss: number
}

export interface Status {
  readonly pid: number
  readonly state: string
  readonly ready: number
  readonly configured: number
  readonly restarts: Readonly<Record<string, number>>
  readonly listeners: ReadonlyArray<unknown>
  readonly lastReload: { readonly error: string | null } | null
  readonly workers: ReadonlyArray<Worker>
}

let named = 0

/** A server that is ready. When it is disposed, its processes are killed. */
export class Served implements AsyncDisposable {
  private constructor(
    private readonly product: Product,
    readonly program: Program,
    readonly port: number,
    readonly control: string
  ) {}

  /** Starts a server on a free port, and waits until it is ready. */
  static async start(product: Product, args: string, {
    env = {},
    command = "tsgi",
    before = [],
    port
  }: {
    readonly env?: Readonly<Record<string, string>>
    readonly command?: string
    /** Arguments of `command` before the command of ours. */
    readonly before?: ReadonlyArray<string>
    /** The port, if the arguments already have one. */
    readonly port?: number
  } = {}): Promise<Served> {
    const control = path.join(product.folder, `${process.pid}-${++named}.sock`)
    const chosen = port ?? await freePort()
    const program = product.start(command, [
      ...before,
      ...args.split(" "),
      ...(port === undefined ? ["--port", String(chosen)] : []),
      ...["--control", control]
    ], env)
    await program.line(/info {2}ready in \d+ ms/)
    return new Served(product, program, chosen, control)
  }

  get(target = "/"): Promise<Answer> {
    return ask({ port: this.port, path: target })
  }

  ctl(target: string, method = "GET", headers: http.OutgoingHttpHeaders = {}): Promise<Answer> {
    return ask({ socketPath: this.control, path: target, method, headers })
  }

  async status(): Promise<Status> {
    return JSON.parse((await this.ctl("/status")).body) as Status
  }

  async pids(): Promise<ReadonlyArray<number>> {
    return (await this.status()).workers.filter(({ state }) => state === "ready").map(({ pid }) => pid)
  }

  /** A verb of the command, for this server. */
  verb(verb: string, ...args: ReadonlyArray<string>): Promise<Ended> {
    return this.product.run("tsgi", verb, ...args, "--control", this.control)
  }

  /** Reloads `times` times, one after the other. Returns how many failed. */
  async reload(times: number): Promise<number> {
    let failed = 0
    for (let i = 0; i < times; i++) if ((await this.verb("reload")).code !== 0) failed++
    return failed
  }

  get lines(): ReadonlyArray<string> {
    return this.program.stderr
  }

  count(pattern: RegExp): number {
    return this.lines.filter((line) => pattern.test(line)).length
  }

  async stop(): Promise<Ended> {
    this.program.kill("SIGTERM")
    return await this.program.ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.program[Symbol.asyncDispose]()
    fs.rmSync(this.control, { force: true })
  }
}

/** The children of a process. */
export const childrenOf = (pid: number): ReadonlyArray<number> =>
  fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name)).map(Number).filter((child) => parentOf(child) === pid)

const parentOf = (pid: number): number | undefined => {
  const fields = statOf(pid)
  return fields === undefined ? undefined : Number(fields[1])
}

/** The fields after the name in `/proc/PID/stat`: state, parent and so on; `undefined` if there is no such process. */
export const statOf = (pid: number): ReadonlyArray<string> | undefined => {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, "utf8")
    return text.slice(text.lastIndexOf(")") + 2).split(" ")
  } catch {
    return undefined
  }
}

export const isThere = (pid: number): boolean => statOf(pid) !== undefined

/** Seconds of CPU that a process has used. */
export const cpuOf = (pid: number): number => {
  const fields = statOf(pid) ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}
