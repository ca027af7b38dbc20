/** The files of examples/deploy, an app behind them, and clients that send requests all the time. */
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"
import { afterAll, beforeAll } from "vitest"
import { WebSocket } from "ws"
import { parseAllDocuments } from "yaml"
import type { Program } from "../utils/processes.js"
import { ready } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

const deploy = path.resolve(import.meta.dirname, "../../examples/deploy")
export const read = (file: string): string => fs.readFileSync(path.join(deploy, file), "utf8")

const app = `import { WebSocketServer } from "ws"
const sockets = new WebSocketServer({ noServer: true })
export default async (env, startResponse) => {
  if (env.HTTP_UPGRADE === "websocket") {
    const headers = Object.fromEntries(env.headers_raw.map(([name, value]) => [name.toLowerCase(), value]))
    const request = { method: "GET", url: env.REQUEST_URI, headers }
    sockets.handleUpgrade(request, env["wsgi.input"].getSocket(), Buffer.alloc(0), (socket) => {
      env["eventlet.set_idle"]()
      socket.on("message", (data) => socket.send("you said: " + data))
    })
    return ""
  }
  if (env.PATH_INFO === "/hints") env["tsgi.interim"](103, [["Link", "</style.css>; rel=preload"]])
  const body = await env["wsgi.input"].read()
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return [env.REMOTE_ADDR, env["wsgi.url_scheme"], env.HTTP_HOST, body].join(" ").trim()
}
`

export let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("deploy")
  write(folder, "app.mjs", app)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

/** The client's address, which is not that of a proxy. */
export const client = "127.0.0.2"
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
afterAll(() => agent.destroy())

interface Answer {
  readonly text: string
  /** The interim responses before it. */
  readonly interim: ReadonlyArray<number>
}

export const ask = (port: number, options: http.RequestOptions = {}, body?: string): Promise<Answer> =>
  new Promise((resolve) => {
    const interim: Array<number> = []
    const failed = (error: Error): void => resolve({ text: error.message, interim })
    const request = http.request({ port, host: "127.0.0.1", localAddress: client, agent, ...options }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (part: string) => text += part)
      response.once("end", () => resolve({ text: `${response.statusCode} ${text}`, interim }))
      response.once("error", failed)
    })
    request.on("information", ({ statusCode }: http.InformationEvent) => interim.push(statusCode))
    request.once("error", failed)
    if (body === undefined) request.end()
    // a client with a body waits for its 100
    else {
      request.flushHeaders()
      request.once("continue", () => request.end(body))
    }
  })

export const upload = (port: number): Promise<Answer> =>
  ask(port, { method: "POST", headers: { expect: "100-continue", "content-length": 5 } }, "hello")

export const echo = async (port: number): Promise<string> => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}/`)
  const closed = once(socket, "close")
  await once(socket, "open")
  const answer = once(socket, "message")
  socket.send("hello")
  const [data] = await answer as [Buffer]
  socket.close()
  await closed
  return data.toString()
}

export const right = (port: number): string => `200 ${client} http 127.0.0.1:${port}`

/** Answers that a load has at least. */
const enough = 50

/** Sends requests on several connections until it is told to stop, and keeps the wrong answers. */
export class Load {
  readonly wrong: Array<string> = []
  answered = 0
  private readonly clients: ReadonlyArray<Promise<void>>
  private over = false

  constructor(private readonly port: number) {
    this.clients = Array.from({ length: 8 }, () => this.client())
  }

  /** Stops when enough requests were answered to tell: a reload may take less time than they do. */
  async stop(): Promise<void> {
    while (this.answered <= enough && this.wrong.length === 0) await setTimeout(10)
    this.over = true
    await Promise.all(this.clients)
  }

  private async client(): Promise<void> {
    while (!this.over) {
      const { text } = await ask(this.port)
      if (text === right(this.port)) this.answered++
      else this.wrong.push(text)
      // all clients together send a request each 6 ms, often enough to use a kept connection that a reload would lose
      await setTimeout(50)
    }
  }
}

/** Reloads a server some times, or as often as DEPLOY_RELOADS says. */
export const reload = async (program: Program, usual: number): Promise<void> => {
  const reloads = Number(process.env.DEPLOY_RELOADS ?? usual)
  for (let generation = 2; generation <= reloads + 1; generation++) {
    program.kill("SIGHUP")
    await program.line(new RegExp(`reloaded in .*, generation ${generation}$`))
  }
}

export const serve = async (...args: ReadonlyArray<string>): Promise<Program> => {
  const program = tsgi(folder, "serve", "app.mjs", "--settle", "200ms", ...args.flatMap((arg) => arg.split(" ")))
  await program.line(ready)
  return program
}

/** Waits until a proxy serves. */
export const serving = async (port: number): Promise<void> => {
  while ((await ask(port)).text !== right(port)) await setTimeout(20)
}

/** The number of workers for a test: one in place of `auto`. */
export const alone = (word: string): string => word === "auto" ? "1" : word

/** The arguments after `tsgi serve` in a line. */
export const words = (line: string): ReadonlyArray<string> => line.slice(line.search(/\S+ serve /)).split(" ").slice(2)
export const container = (JSON.parse(/^CMD (\[.*\])$/m.exec(read("Dockerfile"))?.[1] ?? "[]") as ReadonlyArray<string>)
  .slice(
    2
  )

export const pod = (parseAllDocuments(read("kubernetes.yaml"))[0].toJS() as {
  readonly spec: {
    readonly template: {
      readonly spec: {
        readonly terminationGracePeriodSeconds: number
        readonly containers: ReadonlyArray<{
          readonly command: ReadonlyArray<string>
          readonly ports: ReadonlyArray<{ readonly name: string; readonly containerPort: number }>
          readonly readinessProbe: {
            readonly httpGet: { readonly path: string; readonly port: string }
            readonly periodSeconds: number
            readonly failureThreshold: number
          }
          readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: string } }
        }>
      }
    }
  }
}).spec.template.spec
export const [shop] = pod.containers

export const lines: Readonly<Record<string, ReadonlyArray<string>>> = {
  "nginx.conf": words(/tsgi serve .*/.exec(read("nginx.conf"))?.[0] ?? ""),
  "haproxy.cfg": words(/tsgi serve .*/.exec(read("haproxy.cfg"))?.[0] ?? ""),
  "tsgi.service": words(/^ExecStart=.*/m.exec(read("tsgi.service"))?.[0] ?? ""),
  Dockerfile: container,
  "kubernetes.yaml": shop.command.slice(2)
}

/** The seconds of a flag, or of its default. */
export const secondsOf = (flags: ReadonlyArray<string>, name: string, otherwise: number): number => {
  const at = flags.indexOf(name)
  return at < 0 ? otherwise : Number(/^(\d+)s$/.exec(flags[at + 1])?.[1])
}

/** The seconds from the signal until the last worker is killed. */
export const longest = (flags: ReadonlyArray<string>): number =>
  secondsOf(flags, "--unready", 0) + secondsOf(flags, "--settle", 1) + secondsOf(flags, "--grace", 10) +
  secondsOf(flags, "--kill-after", 5)
