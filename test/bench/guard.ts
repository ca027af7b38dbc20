/**
 * The cost of a hello, as a figure that does not depend on the machine: bytes allocated for each request, at both doors.
 *
 *   npm run bench:guard            prints the figures beside those of guard.json
 *   npm run bench:guard -- --keep  and keeps them there
 *   npm run bench:guard -- --short with a tenth of the requests, for a first look
 *
 * The requests come from memory, not from sockets. V8 runs on one thread and without randomness, and its young generation is so
 * large that nothing is collected meanwhile. So the growth of the heap is what was allocated.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import * as path from "node:path"
import { PerformanceObserver } from "node:perf_hooks"
import { setImmediate as turn } from "node:timers/promises"
import { fileURLToPath } from "node:url"
import { server } from "tsgi"
import { Listener, type Transport, TsgiHttpServer } from "tsgi/effect"
import { bench } from "./paths.js"

type Events = Transport.TransportEvents

const flags = [
  "--expose-gc",
  "--predictable",
  "--random-seed=1",
  "--hash-seed=1",
  "--min-semi-space-size=512",
  "--max-semi-space-size=512"
]

const hello = "Hello, World!"
const [, , given, door] = process.argv
const part = given === "--short" ? 10 : 1
const warmup = 30_000 / part
const count = 20_000 / part

const request = Buffer.from(
  "GET /hello HTTP/1.1\r\nHost: localhost\r\nUser-Agent: guard\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
)

/** A peer without cost: its bytes are always the same, and what it receives is only counted. */
class Peer implements Transport.Transport {
  readonly local = { _tag: "Tcp", host: "127.0.0.1", port: 80 } as const
  readonly remote = { _tag: "Tcp", host: "127.0.0.1", port: 50_000 } as const
  readonly tls = undefined
  readonly pending = 0
  handed = 0
  answers = 0
  wrong = ""
  events: Events | undefined = undefined

  readonly open = (events: Events): void => {
    this.events = events
  }
  readonly write = (data: string | Uint8Array): void => {
    this.handed += data.length
    // of bytes, only the space and the 2 of " 200"
    const right = typeof data === "string" ? data.startsWith("HTTP/1.1 200") : data[8] === 32 && data[9] === 50
    if (right) this.answers++
    else if (this.wrong === "") this.wrong = Buffer.from(data).toString("latin1")
  }
  readonly cork = (): void => undefined
  readonly uncork = (): void => undefined
  readonly pause = (): void => undefined
  readonly resume = (): void => undefined
  readonly end = (): void => undefined
  readonly destroy = (): void => undefined
  readonly run = <A, B>(callback: (first: A, second: B) => void, first: A, second: B): void => callback(first, second)
  readonly detach = (): unknown => undefined
}

interface Door {
  readonly accept: (peer: Peer) => void
  readonly stop: () => Promise<unknown>
}

const listener = () => {
  let accepted: (transport: Transport.Transport) => void = () => undefined
  return {
    accept: (peer: Peer): void => accepted(peer),
    value: {
      _tag: "Listener",
      bind: (acceptor) => {
        accepted = acceptor.accepted
        return Effect.succeed({ address: { _tag: "Tcp", host: "127.0.0.1", port: 80 }, scheme: "http" })
      }
    } satisfies { readonly _tag: "Listener"; readonly bind: typeof Listener.Listener.Service.bind }
  }
}

const facade = async (): Promise<Door> => {
  const { accept, value } = listener()
  const running = server(value, (_, startResponse) => {
    startResponse("200 OK", [["Content-Type", "text/plain"]])
    return hello
  }, { logOutput: false })
  await running.ready
  return { accept, stop: () => running.stop({ grace: 0 }) }
}

const effect = (): Promise<Door> =>
  Effect.runPromise(Effect.gen(function*() {
    const { accept, value } = listener()
    const scope = yield* Scope.make()
    const layer = TsgiHttpServer.layerWith().pipe(
      Layer.provide(Layer.merge(TsgiHttpServer.layerServices, Layer.succeed(Listener.Listener, value)))
    )
    const context = yield* Layer.buildWithScope(layer, scope)
    yield* HttpServer.serveEffect(Effect.sync(() => HttpServerResponse.text(hello))).pipe(
      Effect.provide(context),
      Scope.extend(scope)
    )
    return { accept, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
  }))

let collections = 0
const observer = new PerformanceObserver((list) => {
  collections += list.getEntries().length
})
observer.observe({ entryTypes: ["gc"] })

const allocated = (): number => {
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const send = async (peer: Peer, requests: number): Promise<void> => {
  const target = peer.answers + requests
  for (let sent = 0; sent < requests; sent++) {
    peer.events?.data(request)
    // now and then, what waits for a turn of the event loop runs
    if (sent % 100 === 99) await turn()
  }
  for (let i = 0; i < 1000 && peer.answers < target; i++) await turn()
  if (peer.answers !== target || peer.wrong !== "") {
    throw new Error(`${target - peer.answers} requests without an answer. ${peer.wrong}`)
  }
}

/** Bytes allocated for each request. */
const bytesPerRequest = async (open: () => Promise<Door>): Promise<number> => {
  const door = await open()
  const peer = new Peer()
  door.accept(peer)
  await turn()
  await send(peer, warmup)
  globalThis.gc?.()
  await turn()
  await turn()
  const collected = collections
  const before = allocated()
  await send(peer, count)
  const bytes = (allocated() - before) / count
  await turn()
  await turn()
  if (collections !== collected) throw new Error("garbage was collected meanwhile, so the figure is worth nothing")
  await door.stop()
  return Math.round(bytes)
}

const doors: Readonly<Record<string, () => Promise<Door>>> = { facade, effect }

if (door !== undefined) {
  process.stdout.write(`${await bytesPerRequest(doors[door])}\n`)
  process.exit(0)
} else {
  const file = path.join(bench(), "guard.json")
  const kept = JSON.parse(readFileSync(file, "utf8")) as Record<string, number>
  const node = Number(process.versions.node.split(".")[0])
  // another version of V8 allocates other amounts
  const elsewhere = kept.node === node ? "" : ` on Node ${kept.node}`
  const found: Record<string, number> = {}
  for (const door of Object.keys(doors)) {
    const { status, stderr, stdout } = spawnSync(
      process.execPath,
      [...flags, fileURLToPath(import.meta.url), given ?? "", door],
      { encoding: "utf8" }
    )
    if (status !== 0) throw new Error(stderr)
    found[door] = Number(stdout)
    const change = kept[door] === undefined
      ? ""
      : `, kept ${kept[door]}${elsewhere} (${(100 * (found[door] / kept[door] - 1)).toFixed(1)} %)`
    process.stdout.write(`${door}: ${found[door]} bytes allocated per request${change}\n`)
  }
  if (given === "--keep") writeFileSync(file, `${JSON.stringify({ node, ...found }, undefined, 2)}\n`)
}
