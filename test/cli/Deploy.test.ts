/**
 * The files of examples/deploy with the programs that they are for, where these are installed: proxies in front of servers
 * that are reloaded, stopped and started while clients ask, and nothing is lost; the client's own address arrives; interim
 * responses and WebSockets pass. Sockets of systemd's, and PID 1. Times to stop that add up.
 *
 * Two reloads show what a hundred do; DEPLOY_RELOADS=5 makes it more of them.
 */
import { once } from "node:events"
import * as fs from "node:fs"
import * as http from "node:http"
import * as path from "node:path"
import { setTimeout } from "node:timers/promises"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { parseAllDocuments } from "yaml"
import { freePorts } from "../utils/ports.js"
import { installed, Program, run } from "../utils/processes.js"
import { endings, folderWithCommand, tsgi, write } from "./command.js"

const deploy = path.resolve(import.meta.dirname, "../../examples/deploy")
const read = (file: string): string => fs.readFileSync(path.join(deploy, file), "utf8")

const reloads = Number(process.env.DEPLOY_RELOADS ?? 2)

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

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("deploy")
  write(folder, "app.mjs", app)
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

/** Not the address that a proxy has. */
const client = "127.0.0.2"
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 })
afterAll(() => agent.destroy())

interface Answer {
  readonly text: string
  /** Interim responses that came before. */
  readonly interim: ReadonlyArray<number>
}

const ask = (port: number, options: http.RequestOptions = {}, body?: string): Promise<Answer> =>
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
    // a client that waits for its 100
    else {
      request.flushHeaders()
      request.once("continue", () => request.end(body))
    }
  })

const upload = (port: number): Promise<Answer> =>
  ask(port, { method: "POST", headers: { expect: "100-continue", "content-length": 5 } }, "hello")

const echo = async (port: number): Promise<string> => {
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

const right = (port: number): string => `200 ${client} http 127.0.0.1:${port}`

/** Asks on several connections until it is told to stop, and says what was wrong. */
class Load {
  readonly wrong: Array<string> = []
  answered = 0
  private readonly clients: ReadonlyArray<Promise<void>>
  private over = false

  constructor(private readonly port: number) {
    this.clients = Array.from({ length: 8 }, () => this.client())
  }

  async stop(): Promise<void> {
    this.over = true
    await Promise.all(this.clients)
  }

  private async client(): Promise<void> {
    while (!this.over) {
      const { text } = await ask(this.port)
      if (text === right(this.port)) this.answered++
      else this.wrong.push(text)
      // a request each 6 ms from all: often enough to meet what a reload would lose, which is a connection that is kept
      await setTimeout(50)
    }
  }
}

const reload = async (program: Program): Promise<void> => {
  for (let generation = 2; generation <= reloads + 1; generation++) {
    program.kill("SIGHUP")
    await program.line(new RegExp(`reloaded in .*, generation ${generation}$`))
  }
}

const serve = async (...args: ReadonlyArray<string>): Promise<Program> => {
  const program = tsgi(folder, "serve", "app.mjs", "--settle", "200ms", ...args.flatMap((arg) => arg.split(" ")))
  await program.line(/info {2}ready in/)
  return program
}

/** Waits until a proxy serves. */
const serving = async (port: number): Promise<void> => {
  while ((await ask(port)).text !== right(port)) await setTimeout(20)
}

const nginx = installed("nginx")
const haproxy = installed("haproxy")
const activate = installed("systemd-socket-activate")

describe("where it runs", { timeout: 150_000 }, () => {
  it.skipIf(nginx === undefined)("nginx loses nothing while workers are replaced (skipped without nginx)", async () => {
    const [appPort, port] = await freePorts(2)
    const place = path.join(folder, "nginx")
    fs.mkdirSync(place)
    // its workers are another user's
    for (const open of [folder, place]) fs.chmodSync(open, 0o755)
    const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) =>
      `  ${name}_temp_path ${place}/${name};\n`
    )
    const file = path.join(place, "nginx.conf")
    fs.writeFileSync(
      file,
      read("nginx.conf").replace(":8090", `:${appPort}`).replace("listen 8080", `listen 127.0.0.1:${port}`)
        .replace("http {\n", `http {\n${temporary.join("")}`)
    )
    await using program = await serve(
      `-p ${appPort} -w 2 --trusted-proxies 127.0.0.1 --set forwarded=x-forwarded --access-log -`
    )
    await using proxy = new Program(nginx ?? "", [
      ...["-c", file, "-p", place, "-e", "stderr"],
      ...["-g", `daemon off; pid ${place}/pid;`]
    ], { cwd: place })
    await serving(port)
    const load = new Load(port)
    await reload(program)
    await load.stop()
    expect(load.wrong).toEqual([])
    expect(load.answered).toBeGreaterThan(50)
    await program.line(new RegExp(`^${client.replaceAll(".", "\\.")}\\b.*"GET / HTTP/1.1" 200`))
    expect((await upload(port)).text).toBe(`${right(port)} hello`)
    expect(await echo(port)).toBe("you said: hello")
    // its workers end with it
    proxy.kill("SIGTERM")
    await proxy.ended
    program.kill("SIGTERM")
    expect((await program.ended).code).toBe(0)
  })

  it.skipIf(haproxy === undefined)(
    "HAProxy loses nothing while one of two servers is reloaded, stopped and started (skipped without HAProxy)",
    async () => {
      const [port, one, two, statusOne, statusTwo, older] = await freePorts(6)
      const config = read("haproxy.cfg").replace("bind 127.0.0.1:8080", `bind 127.0.0.1:${port}`)
        .replace("127.0.0.1:8090 port 9090", `127.0.0.1:${one} port ${statusOne}`)
        .replace("127.0.0.1:8091 port 9091", `127.0.0.1:${two} port ${statusTwo}`)
        .replace("inter 1s", "inter 200ms")
      write(folder, "haproxy.cfg", config)
      write(
        folder,
        "older.cfg",
        config.replace(`bind 127.0.0.1:${port}`, `bind 127.0.0.1:${older}`).replace("send-proxy-v2", "send-proxy")
      )
      const start = (name: string, port: number, status: number) =>
        serve(
          `--name ${name} -w 2 --port ${port} --status 127.0.0.1:${status} --access-log -`,
          "--proxy-protocol any --unready 1s"
        )
      const [first, second] = await Promise.all([start("one", one, statusOne), start("two", two, statusTwo)])
      await using _first = first
      await using _second = second
      await using _proxy = new Program(haproxy ?? "", ["-db", "-f", "haproxy.cfg"], { cwd: folder })
      await serving(port)
      const load = new Load(port)
      await reload(first)
      first.kill("SIGTERM")
      expect((await first.ended).code).toBe(0)
      await using again = await start("one", one, statusOne)
      // it has its share again
      await again.line(new RegExp(`^${client.replaceAll(".", "\\.")}\\b.*"GET / HTTP/1.1" 200`))
      await load.stop()
      expect(load.wrong).toEqual([])
      expect(load.answered).toBeGreaterThan(50)

      expect(await ask(port, { path: "/hints" })).toEqual({ text: right(port), interim: [103] })
      expect(await upload(port)).toEqual({ text: `${right(port)} hello`, interim: [100] })
      expect(await echo(port)).toBe("you said: hello")
      // PROXY v1, with its checks
      await using _older = new Program(haproxy ?? "", ["-db", "-f", "older.cfg"], { cwd: folder })
      await serving(older)
    }
  )

  it.skipIf(activate === undefined)("a socket of systemd's is served (skipped without systemd)", async () => {
    const [port] = await freePorts(1)
    const flags = words(/^ExecStart=.*/m.exec(read("tsgi.service"))?.[0] ?? "").slice(1)
    await using program = new Program(activate ?? "", [
      ...["-l", `127.0.0.1:${port}`, "-E", "PATH", "-E", "TSGI_CONTROL=none", process.execPath],
      ...[path.join(folder, "dist/cli.js"), "serve", "app.mjs", ...flags.map(alone)]
    ], { cwd: folder })
    await program.line(/Listening on/)
    // it waits in the socket for who is not there yet
    expect((await ask(port)).text).toBe(right(port))
    program.kill("SIGTERM")
    expect((await program.ended).code).toBe(0)
  })

  it("the container's command stops as PID 1 (skipped where namespaces of processes are not allowed)", async (context) => {
    const isolated = ["--pid", "--fork", "--mount-proc", "--kill-child"]
    const may = installed("unshare") !== undefined &&
      (await run("unshare", [...isolated, "true"], { cwd: folder })).code === 0
    if (!may) return context.skip()
    const [port, status] = await freePorts(2)
    await using program = new Program("unshare", [
      ...[...isolated, process.execPath, path.join(folder, "dist/cli.js"), "serve", "app.mjs"],
      ...container.slice(1).map((word) => alone(word).replace(":9090", `:${status}`).replace("0.0.0.0", "127.0.0.1")),
      ...["--port", String(port), "--control", "none"]
    ], { cwd: folder })
    await program.line(/tsgi\[1\] info {2}ready in/)
    expect((await ask(port)).text).toBe(right(port))
    const [inside] = fs.readFileSync(`/proc/${program.pid}/task/${program.pid}/children`, "utf8").split(" ").map(Number)
    process.kill(inside, "SIGTERM")
    expect((await program.ended).code).toBe(0)
  })
})

/** One worker shows what many do. */
const alone = (word: string): string => word === "auto" ? "1" : word

/** What stands behind `tsgi serve` in a line. */
const words = (line: string): ReadonlyArray<string> => line.slice(line.search(/\S+ serve /)).split(" ").slice(2)
const container = (JSON.parse(/^CMD (\[.*\])$/m.exec(read("Dockerfile"))?.[1] ?? "[]") as ReadonlyArray<string>).slice(
  2
)

const pod = (parseAllDocuments(read("kubernetes.yaml"))[0].toJS() as {
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
const [shop] = pod.containers

const lines: Readonly<Record<string, ReadonlyArray<string>>> = {
  "nginx.conf": words(/tsgi serve .*/.exec(read("nginx.conf"))?.[0] ?? ""),
  "haproxy.cfg": words(/tsgi serve .*/.exec(read("haproxy.cfg"))?.[0] ?? ""),
  "tsgi.service": words(/^ExecStart=.*/m.exec(read("tsgi.service"))?.[0] ?? ""),
  Dockerfile: container,
  "kubernetes.yaml": shop.command.slice(2)
}

/** Seconds of a flag, or of its default. */
const secondsOf = (flags: ReadonlyArray<string>, name: string, otherwise: number): number => {
  const at = flags.indexOf(name)
  return at < 0 ? otherwise : Number(/^(\d+)s$/.exec(flags[at + 1])?.[1])
}

/** From the signal until the last worker is killed. */
const longest = (flags: ReadonlyArray<string>): number =>
  secondsOf(flags, "--unready", 0) + secondsOf(flags, "--settle", 1) + secondsOf(flags, "--grace", 10) +
  secondsOf(flags, "--kill-after", 5)

describe("the files", { timeout: 60_000 }, () => {
  it("stop before they are killed", () => {
    expect(longest(lines["kubernetes.yaml"])).toBeLessThan(pod.terminationGracePeriodSeconds)
    // docker stop
    expect(longest(lines.Dockerfile)).toBeLessThan(10)
    expect(longest(lines["tsgi.service"])).toBeLessThan(
      Number(/^TimeoutStopSec=(\d+)$/m.exec(read("tsgi.service"))?.[1])
    )
  })

  it("serve until nobody sends them anything", () => {
    const { failureThreshold, httpGet, periodSeconds } = shop.readinessProbe
    expect(secondsOf(lines["kubernetes.yaml"], "--unready", 0)).toBeGreaterThan(periodSeconds * failureThreshold)
    expect([httpGet.path, shop.livenessProbe.httpGet.path]).toEqual(["/ready", "/live"])
    const status = shop.ports.find(({ name }) => name === httpGet.port)?.containerPort
    expect(shop.command).toContain(`0.0.0.0:${status}`)
    const [, every, fall] = /inter (\d+)s fall (\d+)/.exec(read("haproxy.cfg")) ?? []
    expect(secondsOf(lines["haproxy.cfg"], "--unready", 0)).toBeGreaterThan(Number(every) * Number(fall))
  })

  it("have flags that the command knows", async () => {
    for (const [file] of Object.values(lines)) expect(file).toBe("app.js")
    // the others are served above
    const unserved = ["nginx.conf", "haproxy.cfg", "kubernetes.yaml"].map((name) => lines[name])
    const ended = await endings(folder, unserved.map(([, ...flags]) => ["check", "app.mjs", ...flags]))
    expect(ended.filter(({ code }) => code !== 0)).toEqual([])
  })

  it.skipIf(installed("systemd-analyze") === undefined)(
    "are units as systemd reads them (skipped without)",
    async () => {
      const units = fs.mkdtempSync(path.join(folder, "units-"))
      for (const unit of ["tsgi.socket", "tsgi.service"]) {
        fs.writeFileSync(path.join(units, unit), read(unit).replace("/usr/bin/node", process.execPath))
      }
      const { stderr } = await run("systemd-analyze", [
        ...["verify", "--man=no"],
        ...["tsgi.socket", "tsgi.service"].map((unit) => path.join(units, unit))
      ], { cwd: units })
      expect(stderr.filter((line) => line.includes(units) || line.includes("tsgi."))).toEqual([])
    }
  )
})
