/** The conformance suite at the plain door. A short run leaves unix sockets and wider memory to the long one. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import {
  type AccessRecord,
  type Address,
  type App,
  BodyError,
  type Environ,
  listen,
  type Listener,
  server,
  wrapTls
} from "tsgi"
import { MemoryListener, type MemoryOptions, type WireClient } from "tsgi/testing"
import { afterAll, beforeAll } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { Journal, turns } from "../utils/Journal.js"
import { thorough } from "../utils/runs.js"
import { connect, connectTls } from "../utils/sockets.js"
import { conformance, type Door, type Probe } from "./conformance.js"

const plain: ReadonlyArray<readonly [string, string]> = [["Content-Type", "text/plain"]]
const never = new Promise<never>(() => undefined)

const each = (env: Environ): void => {
  env["eventlet.minimum_write_chunk_size"] = 1
}

const told = (env: Environ): Promise<void> =>
  new Promise((resolve) => env["tsgi.signal"].addEventListener("abort", () => resolve()))

/** Paths of the suite as an application. */
const application = (probe: Probe): App => {
  const paths: Record<string, App> = {
    "/hello": (_, start) => {
      start("200 OK", plain)
      return "hello"
    },
    "/later": async (_, start) => {
      await turns(3)
      start("200 OK", plain)
      return "hello"
    },
    "/echo": async (env, start) => {
      const body = await env["wsgi.input"].read()
      start("200 OK", plain)
      return body
    },
    "/echo-stream": (env, start) => {
      each(env)
      const { CONTENT_LENGTH } = env
      start("200 OK", CONTENT_LENGTH === undefined ? plain : [["Content-Length", CONTENT_LENGTH]])
      return env["wsgi.input"]
    },
    "/parts": (env, start) => {
      each(env)
      start("200 OK", plain)
      return new Set(["one", "two", "three"])
    },
    async *"/gated-parts"(env, start) {
      each(env)
      start("200 OK", plain)
      yield "one"
      await probe.at("parts")
      yield "two"
    },
    "/no-content": (_, start) => {
      start("204 No Content", [])
      return "nothing"
    },
    "/not-modified": (_, start) => {
      start("304 Not Modified", [["Content-Length", "17"]])
      return []
    },
    "/trailers": async (env, start) => {
      await env["wsgi.input"].read()
      start("200 OK", plain)
      return JSON.stringify(env["wsgi.input"].trailers)
    },
    "/ignore": (_, start) => {
      start("200 OK", plain)
      return "ignored"
    },
    "/continue": async (env, start) => {
      env["wsgi.input"].setHundredContinueResponseHeaders([["x-quota", "5"]])
      await probe.at("read")
      const body = await env["wsgi.input"].read()
      start("200 OK", plain)
      return body
    },
    "/refuse": (_, start) => {
      start("417 Expectation Failed", plain)
      return "no"
    },
    "/interim": async (env, start) => {
      const input = env["wsgi.input"]
      input.setHundredContinueResponseHeaders([["x-step", "1"]])
      input.sendHundredContinueResponse()
      env["tsgi.interim"](102, [["x-step", "2"]])
      env["tsgi.interim"](103, [["link", "</a.css>; rel=preload"]])
      env["tsgi.interim"](103, [["link", "</b.css>; rel=preload"]])
      const body = await input.read()
      start("200 OK", plain)
      return body
    },
    *"/interim-late"(env, start) {
      each(env)
      start("200 OK", plain)
      yield "one"
      env["tsgi.interim"](103, [["link", "</a.css>; rel=preload"]])
      yield "two"
    },
    "/inject": (_, start) => {
      start("200 OK", [["X-A", "b\r\nInjected: yes"]])
      return "never"
    },
    "/too-long": (_, start) => {
      start("200 OK", [["Content-Length", "3"]])
      return "abcdef"
    },
    "/too-short": (_, start) => {
      start("200 OK", [["Content-Length", "9"]])
      return "abc"
    },
    *"/parts-too-long"(_, start) {
      start("200 OK", [["Content-Length", "3"]])
      yield "abc"
      yield "def"
    },
    *"/parts-too-short"(_, start) {
      start("200 OK", [["Content-Length", "9"]])
      yield "abc"
    },
    "/fail": (_, start) => {
      start("200 OK", plain)
      throw new Error("the reason")
    },
    async *"/fail-late"(env, start) {
      each(env)
      start("200 OK", plain)
      yield "one"
      await probe.at("fail")
      throw new Error("the reason")
    },
    *"/made"(_, start) {
      start("200 OK", plain)
      const part = Buffer.alloc(16_384, "x")
      try {
        while (probe.made < probe.bulk) {
          probe.made += part.length
          yield part
        }
      } finally {
        probe.marks.push("made-over")
      }
    },
    "/taken": async (env, start) => {
      await probe.at("take")
      for await (const piece of env["wsgi.input"]) probe.taken += piece.length
      start("200 OK", plain)
      return String(probe.taken)
    },
    "/caught": async (env, start) => {
      const reason = await env["wsgi.input"].read().then(
        () => "none",
        (error: unknown) => error instanceof BodyError ? error.reason : String(error)
      )
      start("200 OK", plain)
      return reason
    },
    "/wait": async (_, start) => {
      await probe.at("wait")
      start("200 OK", plain)
      return "waited"
    },
    "/told": async (env, start) => {
      await told(env)
      probe.marks.push("told")
      start("503 Service Unavailable", plain)
      return ""
    },
    "/deaf": () => never
  }
  return (env, start) => {
    probe.marks.push(env.PATH_INFO)
    return paths[env.PATH_INFO](env, start)
  }
}

/** The plain door, on a listener and with its clients. */
const door = (
  name: string,
  size: Omit<Door, "name" | "serve">,
  make: (bulky: boolean) => { readonly listener: Listener; readonly connect: (address: Address) => Promise<WireClient> }
): Door => ({
  name,
  ...size,
  serve: async (probe, { bulky = false, keepAlive, ...options }) => {
    const records = new Journal<AccessRecord>()
    const lines = new Journal<string>()
    const { connect, listener } = make(bulky)
    const running = server(listener, application(probe), {
      ...options,
      keepalive: keepAlive,
      log: (line) => lines.push(line),
      logFormat: (record) => {
        records.push(record)
        return `${record.requestLine} ${record.status}`
      }
    })
    const address = await running.ready
    return { connect: () => connect(address), stop: (given) => running.stop(given), records, lines }
  }
})

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
let certificate = { cert: "", key: "" }

beforeAll(async () => {
  certificate = await makeCertificate("localhost")
})

afterAll(() => fs.rmSync(folder, { recursive: true }))

// The number of bytes that a kernel holds between two sockets of one machine may grow.
const sockets = {
  slack: 8_388_608,
  bulk: 12_582_912,
  pipelined: 1_000,
  resets: false,
  endsWithFailure: true,
  holdsParts: true
}
const memory = {
  slack: 655_360,
  bulk: 1_048_576,
  pipelined: 1_000,
  resets: true,
  endsWithFailure: true,
  holdsParts: true
}
const narrow = {
  slack: 229_376,
  bulk: 294_912,
  pipelined: 250,
  resets: true,
  endsWithFailure: true,
  holdsParts: true
}

conformance(door("tcp", { ...sockets, resets: true }, () => ({ listener: listen(), connect })))

conformance(
  door(
    "tls",
    sockets,
    () => ({ listener: wrapTls(listen(), certificate), connect: connectTls })
  )
)

let sequence = 0
if (thorough) {
  conformance(
    door(
      "unix",
      sockets,
      () => ({ listener: listen({ path: path.join(folder, `${++sequence}`) }), connect })
    )
  )
}

const inMemory = (name: string, size: Omit<Door, "name" | "serve">, options: MemoryOptions, forBulk = options): void =>
  conformance(door(name, size, (bulky) => {
    const { connect, listener } = MemoryListener.make(bulky ? forBulk : options)
    return { listener, connect: async () => connect() }
  }))

if (thorough) inMemory("in memory", { ...memory, wholeCorpus: true }, {})
inMemory("in memory, byte by byte", narrow, { deliverAtMost: 1, bufferSize: 4096 }, {
  deliverAtMost: 16,
  bufferSize: 4096
})
if (thorough) {
  inMemory("in memory, through narrow buffers", narrow, { bufferSize: 70, takeAtMost: 30 }, {
    bufferSize: 700,
    takeAtMost: 300
  })
}
