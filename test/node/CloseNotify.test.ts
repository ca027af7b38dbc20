/**
 * A TLS connection that ends with no answer cut short says so by the alert close_notify (RFC 8446, 6.1; RFC 5246, 7.2.1), and no
 * other does: by it a client knows that an answer without a length is whole (RFC 9112, 9.8).
 *
 * The family: every reason for which a server closes a connection, in both versions of TLS, read as records on the wire.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { once } from "node:events"
import * as Net from "node:net"
import { Duplex } from "node:stream"
import * as Tls from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import { BodyError, ResponseError } from "../../src/exchange/ServerError.js"
import * as NodeListener from "../../src/node/NodeListener.js"
import { Listener } from "../../src/server/Listener.js"
import type { Running } from "../../src/server/Server.js"
import type * as ServerConfig from "../../src/server/ServerConfig.js"
import { serve } from "../server/engine.js"
import { makeCertificate } from "../utils/certificate.js"
import { Journal } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"

const versions = ["TLSv1.2", "TLSv1.3"] as const
type Version = typeof versions[number]

/** The kind and length of each record that the server has sent. */
class Records {
  private rest = Buffer.alloc(0)
  private last: readonly [type: number, length: number] = [0, 0]

  add(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes])
    while (this.rest.length >= 5 && this.rest.length >= 5 + this.rest.readUInt16BE(3)) {
      this.last = [this.rest[0], this.rest.readUInt16BE(3)]
      this.rest = this.rest.subarray(5 + this.last[1])
    }
  }

  /** Whether the last one was an alert: 21, or in TLS 1.3, which hides the kind, one with as many bytes as an alert has. */
  endsWithAlert(version: Version): boolean {
    const [type, length] = this.last
    return version === "TLSv1.2" ? type === 21 : type === 23 && length === 19
  }
}

/** Passes bytes on, and notes the records of the server. */
class Relay {
  readonly records = new Records()
  readonly closed: Promise<unknown>
  private readonly server: Net.Socket

  constructor(client: Net.Socket, port: number) {
    const server = this.server = Net.connect({ host: "127.0.0.1", port, allowHalfOpen: true })
    client.on("error", () => undefined).on("data", (bytes) => server.write(bytes)).on("end", () => server.end())
    server.on("error", () => undefined).on("end", () => client.end())
    server.on("data", (bytes: Buffer) => {
      this.records.add(bytes)
      client.write(bytes)
    })
    this.closed = once(server, "close")
  }

  /** Takes nothing from the server for a while. */
  async rest(): Promise<void> {
    this.server.pause()
    await new Promise((resolve) => setTimeout(resolve, 500))
    this.server.resume()
  }
}

interface Stage {
  readonly running: Running
  /** Connects another client. */
  readonly connect: () => Promise<Tls.TLSSocket>
  readonly exchanges: Journal<DoorExchange>
}

interface End {
  readonly config?: ServerConfig.PartialConfig
  /** Whether another client has taken the only place before. */
  readonly taken?: boolean
  readonly act: (client: Tls.TLSSocket, stage: Stage) => unknown
}

const send = (...texts: ReadonlyArray<string>) => async (client: Tls.TLSSocket): Promise<void> => {
  for (const text of texts) {
    client.write(text)
    await once(client, "data")
  }
  client.resume()
}
const begin = (text: string) => async (client: Tls.TLSSocket, { exchanges }: Stage): Promise<void> => {
  client.resume()
  client.write(text)
  await exchanges.first(1)
}
const stop = (options = {}) => (_: unknown, { running }: Stage): Promise<unknown> =>
  Effect.runPromise(running.stop({ grace: 0, ...options }))
const closeScope = async (_: unknown, { exchanges }: Stage): Promise<void> => {
  const [exchange] = await exchanges.first(1)
  Effect.runFork(Scope.close(exchange.socketScope, Exit.void))
}
const all = (...acts: ReadonlyArray<End["act"]>): End["act"] => async (client, stage) => {
  for (const act of acts) await act(client, stage)
}
const another = (text: string) => async (_: unknown, { connect }: Stage): Promise<void> => {
  const client = await connect()
  client.resume()
  client.write(text)
}
const short = (name: keyof NonNullable<ServerConfig.PartialConfig["timeouts"]>): ServerConfig.PartialConfig => ({
  timeouts: { [name]: 50 }
})

/** Connections that end with nothing cut short. */
const whole: Readonly<Record<string, End>> = {
  "one that never asks": { config: short("firstRequest"), act: (client) => client.resume() },
  "one that is idle": { config: short("idle"), act: send(get("/")) },
  "one that is late with its head": { config: short("head"), act: send("GET / HTTP/1.1\r\n") },
  "one that is late with its body": {
    config: short("body"),
    act: send(request("POST", "/read", ["Content-Length: 4"]))
  },
  "one whose application is late": { config: short("handler"), act: send(get("/running")) },
  "one that leaves a body": {
    config: { limits: { leftoverBody: 1 } },
    act: send(request("POST", "/", ["Content-Length: 100"]))
  },
  "one that is late with the rest of a body": {
    config: short("leftoverBody"),
    act: send(request("POST", "/", ["Content-Length: 100"]))
  },
  "one that is refused": { act: send("no request\r\n\r\n") },
  "one that asks for it": { act: send(get("/", "Connection: close")) },
  "one that sends bytes after its last request": { act: send(get("/", "Connection: close") + get("/")) },
  "an answer without length to HTTP/1.0": { act: send("GET /parts HTTP/1.0\r\n\r\n") },
  "one whose client ends it": {
    act: all(send(get("/")), (client) => client.end())
  },
  "one whose client ends it within a head": { act: all(send(get("/") + "GET"), (client) => client.end()) },
  "one that is idle at a stop": { act: all(send(get("/")), stop()) },
  "one that has not asked at a stop": { act: all((client) => client.resume(), stop()) },
  "one within a head at a stop": {
    act: all(send(get("/") + "GET"), stop())
  },
  "one that waits for a place at a stop": { taken: true, act: all((client) => client.resume(), stop()) },
  "one whose request waits for a place at a stop": {
    taken: true,
    act: all((client) => {
      client.resume()
      client.write(get("/"))
    }, stop())
  },
  "one whose request waits too long for a place": { taken: true, config: short("place"), act: send(get("/")) },
  "one that is answered at a stop, while its hook runs": { act: all(send(get("/hook")), stop()) },
  "one whose hook does not end": { config: short("hooks"), act: send(get("/hook", "Connection: close")) },
  "one that is idle, whose place others need": {
    config: { limits: { connections: 1 } },
    act: all(send(get("/")), another(get("/")))
  },
  "one whose hook runs, whose place others need": {
    config: { limits: { connections: 1 } },
    act: all(send(get("/hook")), another(get("/")))
  },
  "one that is idle, whose scope is closed": { act: all(send(get("/")), closeScope) },
  "one whose hook runs, whose scope is closed": { act: all(send(get("/hook")), closeScope) },
  "one with a finalizer that does not end, whose scope is closed": {
    config: short("hooks"),
    act: all(send(get("/finalizer")), closeScope)
  },
  "one that was taken over, and is idle at a stop": { act: all(begin(get("/taken")), stop()) }
}

/** Connections whose last answer is cut short. */
const cut: Readonly<Record<string, End>> = {
  "an answer at a stop": { act: all(send(get("/beginning")), stop()) },
  "an answer without length at a stop": { act: all(send("GET /beginning HTTP/1.0\r\n\r\n"), stop()) },
  "an answer whose application fails": { act: send(get("/failing")) },
  "an answer without length whose application fails": { act: send("GET /failing HTTP/1.0\r\n\r\n") },
  "an answer whose connection's scope is closed": { act: all(send(get("/beginning")), closeScope) },
  "an event stream at a stop": { act: all(send(get("/events")), stop()) },
  "an answer that the client does not take": {
    config: short("write"),
    act: all(begin(get("/large")), async () => {
      for (const relay of relays) await relay.rest()
    })
  }
}

const relays = new Set<Relay>()

const app = (over: Deferred.Deferred<void>) => (exchange: DoorExchange): void => {
  const { target } = exchange.request
  const ok = { status: 200, fields: [] }
  switch (target) {
    case "/hook":
      exchange.postHook(() => Deferred.await(over))
      break
    case "/finalizer":
      Effect.runSync(Scope.addFinalizer(exchange.socketScope, Deferred.await(over)))
      break
    case "/running":
      return exchange.running((_, ended) => ended())
    case "/read":
      exchange.body.wait(() => {
        const failed = exchange.body.take()
        if (failed instanceof BodyError) exchange.fail(failed)
        exchange.ended()
      })
      return exchange.running((_, ended) => ended())
    case "/parts":
      exchange.start(ok)
      exchange.addPart("x".repeat(1000))
      return void exchange.finish()
    case "/beginning":
    case "/events":
      exchange.running((_, ended) => ended())
      exchange.start({ ...ok, fields: target === "/events" ? [["Content-Type", "text/event-stream"]] : [] })
      exchange.addPart("x".repeat(1000))
      return exchange.flush()
    case "/failing":
      exchange.start(ok)
      exchange.addPart("x".repeat(1000))
      exchange.flush()
      return exchange.fail(new Error("on purpose"))
    case "/large":
      return void exchange.respond(ok, new Uint8Array(50_000_000))
    case "/taken": {
      const taken = exchange.takeOver()
      if (!(taken instanceof ResponseError) && taken.stream instanceof Duplex) taken.stream.on("error", () => undefined)
      return exchange.markIdle()
    }
  }
  exchange.respond(ok, "ok")
}

const portOf = (address: unknown): number =>
  typeof address === "object" && address !== null && "port" in address ? Number(address.port) : 0

describe.each(versions)("over %s", (version) => {
  let certificate: Awaited<ReturnType<typeof makeCertificate>>
  let port = 0
  const entrance = Net.createServer({ allowHalfOpen: true }, (client) => {
    relays.add(new Relay(client, port))
  })
  beforeAll(async () => {
    certificate = await makeCertificate("localhost")
    await new Promise<void>((resolve) => entrance.listen(0, "127.0.0.1", resolve))
  })
  afterAll(() => entrance.close())

  const connect = async (to: number): Promise<Tls.TLSSocket> => {
    const client = Tls.connect({
      port: to,
      host: "127.0.0.1",
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version
    })
    client.on("error", () => undefined)
    await once(client, "secureConnect")
    return client
  }

  const saysEnd = ({ act, config, taken = false }: End): Promise<boolean> =>
    Effect.gen(function*() {
      const exchanges = new Journal<DoorExchange>()
      const over = yield* Deferred.make<void>()
      yield* Effect.addFinalizer(() => Deferred.succeed(over, undefined))
      const { running } = yield* serve(
        (exchange) => {
          exchanges.push(exchange)
          app(over)(exchange)
        },
        new Journal(),
        {
          ...config,
          limits: taken ? { connections: 1 } : config?.limits ?? {},
          timeouts: { grace: 0, interrupt: 50, hooks: 100, linger: 200, lingerTotal: 200, ...config?.timeouts }
        },
        Layer.succeed(Listener, NodeListener.make({ port: 0 }, new NodeListener.TlsSettings(certificate)))
      )
      port = portOf(running.address)
      const clients: Array<Tls.TLSSocket> = []
      const opened = async (to: number): Promise<Tls.TLSSocket> => {
        const client = await connect(to)
        clients.push(client)
        return client
      }
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const client of clients) client.destroy()
        })
      )
      return yield* Effect.promise(async () => {
        if (taken) {
          const first = await opened(port)
          first.write(get("/running"))
          await exchanges.first(1)
        }
        relays.clear()
        const client = await opened(portOf(entrance.address()))
        const [relay] = relays
        await act(client, { running, exchanges, connect: () => opened(port) })
        await relay.closed
        return relay.records.endsWithAlert(version)
      })
    }).pipe(Effect.scoped, Effect.runPromise)

  it.each(Object.entries(whole))("says that it ends: %s", async (_, end) => {
    expect(await saysEnd(end)).toBe(true)
  })

  it.each(Object.entries(cut))("does not say so: %s", async (_, end) => {
    expect(await saysEnd(end)).toBe(false)
  })
})
