/** The promises of each example's first comment, its exit code after a signal, and its one line if it cannot listen. */
import * as fs from "node:fs"
import * as path from "node:path"
import type { ConnectionOptions, PeerCertificate } from "node:tls"
import { connect as connectSecurely } from "node:tls"
import { generate } from "selfsigned"
import type { WireResponse } from "tsgi/testing"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { WebSocket } from "ws"
import { Program, run } from "../utils/processes.js"
import { compile, folderFor } from "../utils/programs.js"
import { parse } from "../utils/prometheus.js"
import { connect } from "../utils/sockets.js"

const root = path.resolve(import.meta.dirname, "../..")
const temporary = folderFor("examples")
let compiled: string

export const start = (name: string, env: Readonly<Record<string, string>>, folder = compiled): Program =>
  new Program(process.execPath, [path.join(folder, `${name}.mjs`)], {
    cwd: root,
    env: { PORT: "0", ...env }
  })

export class Example {
  constructor(readonly program: Program, readonly port: number) {}

  get address() {
    return { _tag: "Tcp", host: "127.0.0.1", port: this.port } as const
  }

  line(pattern: RegExp): Promise<RegExpExecArray> {
    return this.program.line(pattern)
  }

  /** Runs a command of a first comment on this example's port, and returns its output. */
  async shell(command: string): Promise<string> {
    const { stdout } = await run("bash", [
      "-c",
      command.replaceAll(/(?<=127\.0\.0\.1:|localhost:)\d+/g, `${this.port}`)
    ], {
      cwd: root
    })
    return stdout.join("\n")
  }

  /** Sends one request on a connection of its own. */
  async request(head: string, body = ""): Promise<WireResponse> {
    await using client = await connect(this.address)
    client.send(`${head}\r\nHost: a\r\n\r\n${body}`)
    return await client.response()
  }
}

interface Case {
  readonly env?: Readonly<Record<string, string>>
  readonly use: (example: Example) => Promise<void>
  /** The end of the example, in place of a signal and the exit code 0. */
  readonly end?: (example: Example) => Promise<void>
}

const socketPath = path.join(temporary, "example.sock")
const logPath = path.join(temporary, "access.log")
const text = (response: WireResponse): string => response.body.toString("utf8")

/** Returns the certificate and the answer. */
const overTls = (port: number, options: ConnectionOptions = {}): Promise<readonly [PeerCertificate, string]> =>
  new Promise((resolve, reject) => {
    let received = ""
    let certificate: PeerCertificate
    const socket = connectSecurely({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options }, () => {
      certificate = socket.getPeerCertificate()
      socket.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    })
    socket.setEncoding("utf8").on("data", (data: string) => received += data)
    socket.once("error", reject).once("end", () => resolve([certificate, received.split("\r\n\r\n")[1]]))
  })

const clientCertificate = await generate([{ name: "commonName", value: "client" }], { keyType: "ec" })
const clientCa = path.join(temporary, "clients.pem")
fs.writeFileSync(clientCa, clientCertificate.cert)

export const cases: Readonly<Record<string, Case>> = {
  hello: {
    async use(example) {
      expect(await example.shell("curl -s http://127.0.0.1:8090/")).toBe("Hello, World!")
      const other = await example.request("GET /other HTTP/1.1")
      expect([other.status, text(other)]).toEqual([404, "Not Found\r\n"])
    }
  },

  tls: {
    env: { CLIENT_CA: clientCa },
    async use(example) {
      expect(await example.shell("curl -sk https://127.0.0.1:8443/"))
        .toBe("https, TLSv1.3, asked for no name, no client certificate")
      const { cert, private: key } = clientCertificate
      const [before, known] = await overTls(example.port, { servername: "localhost", cert, key })
      expect(known).toBe("https, TLSv1.3, asked for localhost, client certificate of CN=client\n")
      expect(before.subject.CN).toBe("localhost")
      const [other] = await overTls(example.port, { servername: "other.example" })
      expect(other.subject.CN).toBe("other.example")

      example.program.kill("SIGHUP")
      await example.line(/^certificate reloaded$/)
      const [after, still] = await overTls(example.port, { servername: "localhost", cert, key })
      expect(after.fingerprint256).not.toBe(before.fingerprint256)
      expect(still).toBe(known)
    }
  },

  posthooks: {
    async use(example) {
      expect(text(await example.request("GET / HTTP/1.1"))).toBe("Hello, World!\n")
      await example.line(/^hook: \/ arg1 arg2 3 4 -> Sent$/)
      expect(await example.shell("curl -s http://127.0.0.1:8090/endless | head -c 1000000 | wc -c")).toBe("1000000")
      await example.line(/^hook: \/endless arg1 arg2 3 4 -> Aborted$/)
    }
  },

  bandwidth: {
    async use(example) {
      await example.shell("curl -s -o /dev/null http://127.0.0.1:8090/file")
      await example.line(/^127.0.0.1 \/file 104857600 of 104857600 bytes, Sent$/)
      const read = await example.shell("curl -s http://127.0.0.1:8090/file | head -c 50000000 | wc -c")
      expect(read).toBe("50000000")
      const [, used] = await example.line(/^127.0.0.1 \/file (\d+) of 104857600 bytes, Aborted$/)
      expect(Number(used)).toBeGreaterThanOrEqual(50_000_000)
      expect(Number(used)).toBeLessThan(80_000_000)
    }
  },

  continue: {
    async use(example) {
      const expecting = "HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
      await using client = await connect(example.address)
      client.send(`POST / ${expecting}`)
      expect((await client.head()).text).toBe(
        "HTTP/1.1 100 Continue\r\nHundred-Continue-Header-1: H1\r\nHundred-Continue-Header-K: Hk\r\n\r\n"
      )
      client.send("hello")
      const response = await client.response()
      expect([response.status, text(response)]).toEqual([200, "5 bytes read\n"])

      await using refused = await connect(example.address)
      refused.send(`POST /refuse ${expecting}`)
      const refusal = await refused.response()
      expect([refusal.status, refusal.interim, refusal.get("connection"), text(refusal)])
        .toEqual([417, [], "close", "refused\n"])
      await refused.whenEnded()

      const uploading = await example.shell(
        "head -c 100000000 /dev/zero | curl -s -i -H 'Expect:' -T - http://127.0.0.1:8090/refuse"
      )
      expect(uploading).toMatch(/^HTTP\/1.1 417 Expectation Failed\n[^]*\nrefused$/)
    }
  },

  continues: {
    async use(example) {
      for (const chunked of [false, true]) {
        await using client = await connect(example.address)
        const part = (data: string) => chunked ? `${data.length.toString(16)}\r\n${data}\r\n` : data
        const framing = chunked ? "Transfer-Encoding: chunked" : "Content-Length: 23"
        client.send(`POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`)
        expect((await client.head()).text).toBe("HTTP/1.1 100 Continue\r\nPart: 1\r\n\r\n")
        client.send(part("first part, "))
        expect((await client.head()).text).toBe("HTTP/1.1 100 Continue\r\nPart: 2\r\n\r\n")
        client.send(part("second part") + (chunked ? "0\r\n\r\n" : ""))
        const response = await client.response()
        expect(text(response)).toBe("read \"first part, \" and \"second part\"\n")
        expect(response.interim).toEqual([])
      }

      await using phases = await connect(example.address)
      phases.send("PUT /phases HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
      expect((await phases.head()).text).toBe("HTTP/1.1 100 Continue\r\nPhase: data\r\n\r\n")
      phases.send("4\r\ndata\r\n0\r\n\r\n")
      expect((await phases.head()).text).toBe("HTTP/1.1 100 Continue\r\nPhase: metadata\r\nReceived: 4\r\n\r\n")
      phases.send("8\r\nmetadata\r\n0\r\n\r\n")
      expect(text(await phases.response())).toBe("data \"data\", metadata \"metadata\"\n")

      await using eager = await connect(example.address)
      eager.send("PUT /eager HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n")
      expect((await eager.head()).status).toBe(200)
      await eager.until("answered first, ")
      eager.send("a body")
      await eager.until("then read \"a body\"")

      const shown = await example.shell(
        "curl -s -i -H 'Expect: 100-continue' -d 'first part, second part' http://127.0.0.1:8090/"
      )
      expect(shown).toMatch(/^HTTP\/1.1 100 Continue\nPart: 1\n\nHTTP\/1.1 100 Continue\nPart: 2\n\nHTTP\/1.1 200 OK\n/)
    }
  },

  "early-hints": {
    async use(example) {
      expect(await example.shell("curl -s -i http://127.0.0.1:8090/")).toMatch(
        /^HTTP\/1.1 102 Processing\n\nHTTP\/1.1 103 Early Hints\nLink: <\/style.css>; rel=preload; as=style\n\nHTTP\/1.1 200 OK\n/
      )
      expect(await example.shell("curl -0 -s -i http://127.0.0.1:8090/")).toMatch(/^HTTP\/1.[01] 200 OK\n/)
    }
  },

  events: {
    env: { INTERVAL: "500" },
    async use(example) {
      const client = await connect(example.address)
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      expect((await client.head()).get("content-type")).toBe("text/event-stream")
      await client.until("data: 1\n\n")
      await client.until("data: 2\n\n")
      client.close()
      // long before the next one is due
      await example.line(/^client left after 2 events$/)
    }
  },

  streaming: {
    async use(example) {
      const size = 67_108_864
      expect(await example.shell(`curl -s 'http://127.0.0.1:8090/download?bytes=${size}' | wc -c`)).toBe(`${size}`)
      expect(await example.shell(`head -c ${size} /dev/zero | curl -s -T - http://127.0.0.1:8090/checksum`)).toBe(
        `${size} bytes, sha256 3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351`
      )
      expect(
        await example.shell(
          `head -c ${size} /dev/zero | tr '\\0' a | curl -s -T - http://127.0.0.1:8090/uppercase | tr -d A | wc -c`
        )
      ).toBe("0")
      // a petabyte: a server that does not wait for its client would not survive it
      await example.shell("curl -s 'http://127.0.0.1:8090/download?bytes=1000000000000000' | head -c 10000000 | wc -c")
      const [, before] = await example.line(/^rss (\d+) MiB$/)
      for (const name of ["download Sent", "checksum Sent", "uppercase Sent", "download Aborted"]) {
        const [, after] = await example.line(new RegExp(`^/${name}, rss (\\d+) MiB$`))
        expect(Number(after) - Number(before)).toBeLessThan(128)
      }
    }
  },

  unix: {
    env: { SOCKET: socketPath },
    async use(example) {
      expect(await example.shell(`curl -s --unix-socket ${socketPath} http://localhost/`)).toBe("Hello, unix!")
      expect(fs.statSync(socketPath).mode & 0o777).toBe(0o660)
    },
    async end(example) {
      example.program.kill("SIGINT")
      expect((await example.program.ended).code).toBe(0)
      expect(fs.existsSync(socketPath)).toBe(false)
    }
  },

  stop: {
    async use() {},
    async end(example) {
      await using idle = await connect(example.address)
      await using slow = await connect(example.address)
      await using endless = await connect(example.address)
      idle.send("OPTIONS /nothing HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      await idle.response()
      slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
      endless.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
      await Promise.all([example.line(/^\/slow: begun$/), endless.until("tick\n")])
      example.program.kill("SIGTERM")
      await idle.whenEnded()
      const response = await slow.response()
      expect([text(response), response.get("connection")]).toEqual(["finished\n", "close"])
      // the body is cut without the last chunk, so that the client can tell
      expect((await endless.all()).toString()).not.toContain("0\r\n\r\n")
      await example.line(/^\/endless: interrupted \(the server is stopping\)$/)
      await example.line(
        /^stopped: {"connections":3,"idle":1,"finished":1,"interrupted":1,"cut":0,"left":0,"duration":\d+}$/
      )
      expect((await example.program.ended).code).toBe(0)
    }
  },

  hono: {
    async use(example) {
      expect(await example.shell("curl -s http://127.0.0.1:8090/hello/you")).toBe("Hello, you!")
      await example.line(/^GET \/hello\/you: 12 bytes sent$/)
      const shouted = await example.shell("curl -s --data-binary @LICENSE http://127.0.0.1:8090/upper")
      expect(shouted).toBe(fs.readFileSync(path.join(root, "LICENSE"), "utf8").toUpperCase().replace(/\n$/, ""))
    }
  },

  log: {
    env: { LOG: logPath },
    async use(example) {
      await example.request("GET / HTTP/1.1")
      await example.request("GET / HTTP/1.1\r\nX-Forwarded-For: 192.0.2.7")
      expect(await example.shell("curl -s http://127.0.0.1:8090/ -H 'Host:'")).toMatch(/^MissingHost: /)
    },
    async end(example) {
      example.program.kill("SIGINT")
      expect((await example.program.ended).code).toBe(0)
      const lines = fs.readFileSync(logPath, "utf8").split("\n").filter((line) => line.includes("GET"))
      expect(lines.filter((line) => !line.startsWith("("))).toEqual([
        expect.stringMatching(/^127\.0\.0\.1 "GET \/ HTTP\/1\.1" 200 14 bytes in 0\.\d{3} s, Sent$/),
        expect.stringMatching(/^192\.0\.2\.7,127\.0\.0\.1 "GET \/ HTTP\/1\.1" 200 14 bytes in 0\.\d{3} s, Sent$/),
        expect.stringMatching(/^127\.0\.0\.1 "GET \/ HTTP\/1\.1" 400 \d+ bytes in 0\.\d{3} s, Refused$/)
      ])
      const json = await serving("log", { LOG: `${logPath}.json`, JSON: "1" })
      await using program = json.program
      await json.request("GET / HTTP/1.1")
      program.kill("SIGINT")
      expect((await program.ended).code).toBe(0)
      const [line] = fs.readFileSync(`${logPath}.json`, "utf8").split("\n").filter((line) => line.startsWith("{"))
      expect(JSON.parse(line)).toMatchObject({ request: "GET / HTTP/1.1", status: 200, bytes: 14, outcome: "Sent" })
    }
  },

  websocket: {
    async use(example) {
      expect((await example.request("GET / HTTP/1.1")).status).toBe(426)
      const socket = new WebSocket(`ws://127.0.0.1:${example.port}/`)
      await new Promise((resolve) => socket.once("open", resolve))
      const answer = new Promise<string>((resolve) =>
        socket.once("message", (data: Buffer) => resolve(data.toString()))
      )
      socket.send("hello")
      expect(await answer).toBe("you said: hello")
      socket.close()
      await example.line(/^socket closed$/)
      await example.line(/"GET \/ HTTP\/1.1" 101 /)
    }
  },

  "effect/swap": {
    async use(example) {
      expect(await example.shell("curl -s http://127.0.0.1:8090/")).toBe("Hello, World!")
      expect(await example.shell("curl -s http://127.0.0.1:8090/hello/you")).toBe("Hello, you!")
      expect((await example.request("GET /other HTTP/1.1")).status).toBe(404)
    },
    async end(example) {
      example.program.kill("SIGINT")
      expect((await example.program.ended).code).toBe(0)
      // the commented line serves the same
      const source = fs.readFileSync(path.join(root, "examples/effect/swap.ts"), "utf8")
      const [line, original] = /\/\/ (Layer\.provide\(NodeHttpServer.*\))$/m.exec(source) ?? []
      fs.writeFileSync(
        path.join(temporary, "original.ts"),
        `import { NodeHttpServer } from "@effect/platform-node"\nimport { createServer } from "node:http"\n${
          source.replace(`${line}\n`, "").replace("Layer.provide(TsgiHttpServer.layer({ port }))", original)
            .replace("./serve.js", path.join(root, "examples/effect/serve.js"))
        }`
      )
      await compile(temporary, ["original.ts"], temporary)
      const peer = await serving("original", {}, temporary)
      await using _ = peer.program
      expect(await peer.shell("curl -s http://127.0.0.1:8090/hello/you")).toBe("Hello, you!")
    }
  },

  "effect/api": {
    async use(example) {
      const accepted = await example.shell(
        "curl -s -i -H \"Expect: 100-continue\" -d \"hello\" http://127.0.0.1:8090/uploads/a"
      )
      expect(accepted).toMatch(
        /^HTTP\/1.1 100 Continue\nUpload-Limit: 1000000\n\nHTTP\/1.1 201 Created\n[^]*\n\n{"name":"a","bytes":5}$/
      )
      await example.line(/^POST \/uploads\/a: 1\d\d bytes, Sent 201$/)
      const refused = await example.shell(
        "head -c 2000000 /dev/zero | curl -s -i -H \"Expect: 100-continue\" --data-binary @- -w '%{size_upload}' http://127.0.0.1:8090/uploads/b"
      )
      expect(refused).toMatch(
        /^HTTP\/1.1 413 Content Too Large\n[^]*\n\n{"limit":1000000,"_tag":"TooLong"}0$/
      )
      await example.line(/^POST \/uploads\/b: \d+ bytes, Sent 413$/)
      expect(await example.shell("curl -s -i http://127.0.0.1:8090/")).toMatch(
        /^HTTP\/1.1 103 Early Hints\nLink: <\/style.css>; rel=preload; as=style\n\nHTTP\/1.1 200 OK\n[^]*<!doctype html>/
      )
      expect(await example.shell("curl -0 -s -i http://127.0.0.1:8090/")).toMatch(/^HTTP\/1.[01] 200 OK\n/)
      expect(await example.shell("curl -s http://127.0.0.1:8090/file | head -c 10000000 | wc -c")).toBe("10000000")
      const [, used] = await example.line(/^GET \/file: (\d+) bytes, Aborted 200$/)
      expect(Number(used)).toBeGreaterThanOrEqual(10_000_000)
      expect(await example.shell("curl -s http://127.0.0.1:8090/docs | grep -c /uploads/{name}")).toBe("1")
    }
  },

  "effect/connections": {
    async use(example) {
      const hello = "curl -s http://127.0.0.1:8090/ http://127.0.0.1:8090/"
      expect(await example.shell(hello)).toBe("request 1 of connection 1\nrequest 2 of connection 1")
      expect(await example.shell("curl -s http://127.0.0.1:8090/bye http://127.0.0.1:8090/"))
        .toBe("goodbye, connection 2\nrequest 1 of connection 3")
      await example.line(/connection 1 closed after 2 requests$/)
      await example.line(/connection 2 closed after 0 requests$/)
    }
  },

  "effect/websocket": {
    async use(example) {
      expect((await example.request("GET / HTTP/1.1")).status).toBe(400)
    },
    async end(example) {
      const [gone, socket] = [0, 1].map(() => new WebSocket(`ws://127.0.0.1:${example.port}/`))
      const opened = (one: WebSocket) => new Promise((resolve) => one.once("open", resolve))
      await Promise.all([opened(gone), opened(socket)])
      const answer = new Promise<string>((resolve) =>
        socket.once("message", (data: Buffer) => resolve(data.toString()))
      )
      socket.send("hello")
      expect(await answer).toBe("you said: hello")
      gone.terminate()
      await example.line(/disconnected$/)
      const closed = new Promise<string>((resolve) =>
        socket.once("close", (code, reason) => resolve(`${code} ${reason.toString()}`))
      )
      example.program.kill("SIGINT")
      expect(await closed).toBe("1001 the server stops")
      const { code, stderr, stdout } = await example.program.ended
      expect([code, stderr]).toEqual([0, []])
      expect(stdout.map((line) => line.replace(/^.*: /, "")).slice(1))
        .toEqual(["connected", "connected", "disconnected", "disconnected"])
    }
  },

  "effect/events": {
    env: { INTERVAL: "20" },
    async use(example) {
      const client = await connect(example.address)
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      const head = await client.head()
      expect([head.get("content-type"), head.get("cache-control")]).toEqual(["text/event-stream", "no-store"])
      await client.until("data: 1\n\n")
      await client.until("data: 2\n\n")
      client.close()
      await example.line(/: \d+ events, ClientGone$/)
    },
    async end(example) {
      await using client = await connect(example.address)
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      await client.until("data: 1\n\n")
      example.program.kill("SIGINT")
      const rest = await client.all()
      // the body is whole, with its last chunk
      expect(rest.toString()).toMatch(/event: goodbye\ndata: the server stops\n\n\r\n0\r\n\r\n$/)
      await example.line(/: \d+ events, to the end$/)
      expect((await example.program.ended).code).toBe(0)
    }
  },

  "effect/composed": {
    env: { SLOW: "1500" },
    async use() {},
    async end(example) {
      await using client = await connect(example.address)
      client.send("GET /users HTTP/1.1\r\nHost: a\r\n\r\n")
      await example.line(/query begun$/)
      example.program.kill("SIGTERM")
      const response = await client.response()
      expect([text(response), response.get("connection")]).toEqual(["[\"Ada\",\"Grace\"]", "close"])
      const { code, stdout } = await example.program.ended
      expect([code, ...stdout.map((line) => line.replace(/^.*: /, "")).slice(1)])
        .toEqual([0, "query begun", "query ended", "handler ended", "database released, 0 queries running"])
    }
  },

  "effect/access-log": {
    async use(example) {
      expect(await example.shell("curl -s http://127.0.0.1:8090/")).toBe("Hello, World!")
      expect(await example.shell("curl -s http://127.0.0.1:8090/ -H \"Host:\"")).toMatch(/^MissingHost: /)
      await example.shell("curl -s -m 0.2 http://127.0.0.1:8090/never")
      const rest = (end: string) => new RegExp(`^{"time":"[^"]+","client":"127.0.0.1","request":"GET ${end}}$`)
      await example.line(rest("/ HTTP/1.1\",\"status\":200,\"bytes\":14,\"outcome\":\"Sent\""))
      await example.line(rest("/ HTTP/1.1\",\"status\":400,\"bytes\":\\d+,\"outcome\":\"MissingHost\""))
      await example.line(rest("/never HTTP/1.1\",\"status\":499,\"bytes\":0,\"outcome\":\"ClientGone\""))
    }
  },

  "effect/metrics": {
    async use(example) {
      expect(await example.shell("curl -s http://127.0.0.1:8090/")).toBe("Hello, World!")
      const text = await example.shell("curl -s http://127.0.0.1:8090/metrics")
      const lines = text.split("\n")
      expect(lines).toEqual(expect.arrayContaining([
        "# TYPE tsgi_requests_total counter",
        "tsgi_requests_total{status=\"2xx\"} 1",
        "tsgi_request_duration_seconds_bucket{le=\"+Inf\"} 1",
        "tsgi_request_duration_seconds_count 1",
        expect.stringMatching(/^tsgi_connections_accepted_total [12]$/),
        expect.stringMatching(/^tsgi_response_bytes_total 1\d\d$/)
      ]))
      expect([...parse(`${text}\n`).keys()]).toContain("tsgi_request_duration_seconds")
      const page = await example.shell("curl -s http://127.0.0.1:8090/status")
      expect(page).toContain("<dt>Requests</dt><dd>2 2xx</dd>")
      expect(page).toMatch(/<meta http-equiv="refresh" content="2">[^]*<svg [^]*Event-loop delay[^]*\d MiB/)
      expect(page).not.toContain("<script")
    }
  }
}

/** One of each group of examples that listen in the same way, and report in the same way that they cannot. */
const listening = ["hello", "posthooks", "tls", "unix", "effect/swap"]

export const serves = /(?:^serving|\bListening) on (?:https?:\/\/[\d.]+:(\d+)|the unix socket)/

const serving = async (
  name: string,
  env: Readonly<Record<string, string>> = {},
  folder = compiled
): Promise<Example> => {
  const program = start(name, env, folder)
  try {
    const [, port] = await program.line(serves)
    return new Example(program, Number(port))
  } catch (error) {
    await program[Symbol.asyncDispose]()
    throw error
  }
}

const inUse = async (name: string, env: Readonly<Record<string, string>>): Promise<void> => {
  await using second = start(name, env)
  const { code, stderr, stdout } = await second.ended
  expect([code, stdout.filter((line) => serves.test(line))]).toEqual([1, []])
  const address = name === "unix" ? "unix:/" : "https?://"
  expect(stderr).toEqual([
    expect.stringMatching(new RegExp(`^cannot listen on ${address}.*: another process listens there already; `))
  ])
}

/** Runs these examples. Their programs are in the folder that `made` returns. */
export const testExamples = (names: ReadonlyArray<string>, made: (folder: string) => Promise<string>): void => {
  beforeAll(async () => {
    compiled = await made(temporary)
  })
  afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

  describe.concurrent("as a process", { timeout: 60_000 }, () => {
    it.each(names)("%s", async (name) => {
      const { end, env = {}, use } = cases[name]
      const example = await serving(name, env)
      await using program = example.program
      // both run at the same time, and neither is left alone if the other fails
      const both = await Promise.allSettled([
        use(example),
        ...listening.includes(name) ? [inUse(name, { ...env, PORT: String(example.port) })] : []
      ])
      for (const result of both) if (result.status === "rejected") throw result.reason
      if (end !== undefined) return await end(example)
      program.kill("SIGINT")
      const { code, stderr } = await program.ended
      expect([code, stderr.filter((line) => /\berror\b/i.test(line))]).toEqual([0, []])
    })
  })
}
