/**
 * What breaks for one connection keeps the server from nothing that it does with the others at the same time.
 *
 * The family: all that a server does with several connections in turn, and everything of one connection that can throw then: its
 * transport, its application, its parser, the log of what has thrown.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as TestClock from "effect/TestClock"
import { Duplex } from "node:stream"
import { MemoryListener, type WireClient } from "tsgi/testing"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import { ResponseError } from "../../src/exchange/ServerError.js"
import { Listener } from "../../src/server/Listener.js"
import * as RequestParser from "../../src/server/RequestParser.js"
import type { Running } from "../../src/server/Server.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import type { Transport } from "../../src/transport/Transport.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { serve } from "./engine.js"

const settled = Effect.promise(() => turns(20))
const pass = (milliseconds: number) =>
  settled.pipe(Effect.zipRight(TestClock.adjust(milliseconds)), Effect.zipRight(settled))

const fail = (what: string): never => {
  throw new Error(`${what} is broken`)
}

/** What of one connection throws, from the moment at which it is armed. */
class Breaking {
  armed = false

  /** @param id of the connection */
  constructor(private readonly what: string, private readonly id: number) {}

  check(what: string, id = this.id): void {
    if (this.armed && what === this.what && id === this.id) fail(what)
  }

  private readonly watch = <A extends object>(given: A, what: (name: string) => string): A =>
    new Proxy(given, {
      get: (target, name): unknown => {
        this.check(what(String(name)))
        const value: unknown = Reflect.get(target, name, target)
        return typeof value === "function" ? value.bind(target) : value
      }
    })

  /** A listener whose transport breaks. */
  listener({ bind }: Listener["Type"]): Layer.Layer<Listener> {
    let count = 0
    const made = (transport: Transport): Transport =>
      ++count === this.id ? this.watch(transport, (name) => `transport.${name}`) : transport
    return Layer.succeed(Listener, {
      bind: (acceptor, options) =>
        bind({ ...acceptor, accepted: (transport) => acceptor.accepted(made(transport)) }, options)
    })
  }

  /** A parser that breaks. */
  get parser(): Layer.Layer<RequestParser.RequestParser> {
    const { make } = RequestParser.make(ServerConfig.make({}))
    let count = 0
    return Layer.succeed(RequestParser.RequestParser, {
      make: () => ++count === this.id ? this.watch(make(), () => "parser") : make()
    })
  }

  /** A logger that breaks. */
  get log(): Layer.Layer<never> {
    return Layer.merge(
      Logger.replace(Logger.defaultLogger, Logger.make(() => this.check("log"))),
      Logger.minimumLogLevel(LogLevel.Debug)
    )
  }
}

const broken = [
  "transport.run",
  "transport.end",
  "transport.destroy",
  "transport.pending",
  "transport.handed",
  "transport.remote",
  "application",
  "parser",
  "log"
]

interface Deed {
  readonly config?: ServerConfig.PartialConfig
  /** Whether another connection has the only place. */
  readonly waits?: boolean
  /** What both clients send. */
  readonly sent: string
  /** What the server does with both connections then. */
  readonly act: (running: Running, connect: () => WireClient) => Effect.Effect<unknown>
}

const stops = (milliseconds: number) => (running: Running) =>
  Effect.zipRight(Effect.forkDaemon(running.stop({ grace: 1000 })), pass(milliseconds))

/** All that a server does with several connections in turn. */
const deeds: Readonly<Record<string, Deed>> = {
  "closes idle ones, because it stops": { sent: get("/ok"), act: stops(0) },
  "ends those without an end of their own, because it stops": { sent: get("/endless"), act: stops(500) },
  "interrupts those that run when the grace time is over": { sent: get("/running"), act: stops(1000) },
  "gives up hooks, because it stops": {
    sent: get("/hooks"),
    act: (running) => Effect.zipRight(stops(1000)(running), pass(500))
  },
  "closes silent ones that wait for a place, because it stops": { waits: true, sent: "", act: stops(1000) },
  "refuses requests that wait for a place, because it stops": { waits: true, sent: get("/ok"), act: stops(1000) },
  "closes those whose deadline has passed": {
    config: { timeouts: { idle: 1000 } },
    sent: get("/ok"),
    act: () => pass(1500)
  },
  "aborts those that have not given up their place": {
    config: { limits: { connections: 2 } },
    sent: request("POST", "/keeps", ["Content-Length: 5"]),
    act: (_, connect) => {
      for (let i = 0; i < 2; i++) connect().send(get("/running"))
      return Effect.forEach([1, 2, 3], () => pass(1500))
    }
  }
}

// a transport that runs nothing lets no hook be followed by the next step
const cases = Object.keys(deeds).flatMap((deed) => broken.map((what) => [deed, what] as const)).filter(([deed, what]) =>
  !(deed.startsWith("gives up hooks") && what === "transport.run")
)

const timeouts = { interrupt: 100, hooks: 100, farewell: 100, body: 60_000 }

const application = (breaking: Breaking) => (exchange: DoorExchange): void => {
  const { peer: { id }, request: { target } } = exchange
  if (target === "/ok") return void exchange.respond({ status: 200, fields: [] }, "ok")
  if (target === "/hooks") {
    exchange.postHook(() => Effect.never)
    return void exchange.respond({ status: 200, fields: [] }, "ok")
  }
  exchange.running((_, ended) => {
    breaking.check("application", id)
    ended()
  })
  if (target === "/keeps") exchange.body.wait(() => undefined)
  if (target !== "/endless") return
  const taken = exchange.takeOver()
  exchange.onGoodbye(() => {
    breaking.check("application", id)
    if (!(taken instanceof ResponseError) && taken.stream instanceof Duplex) taken.stream.destroy()
  })
}

describe("a server that", () => {
  it.scoped.each(cases)("%s, of which one breaks: %s", ([deed, what]) =>
    Effect.gen(function*() {
      const { act, config, sent, waits = false } = deeds[deed]
      const memory = MemoryListener.make()
      const breaking = new Breaking(what, waits ? 2 : 1)
      const { running } = yield* serve(
        application(breaking),
        new Journal(),
        {
          limits: waits ? { connections: 1 } : config?.limits ?? {},
          timeouts: { ...timeouts, ...config?.timeouts }
        },
        Layer.merge(breaking.listener(memory.listener), breaking.parser)
      ).pipe(Effect.provide(breaking.log))
      if (waits) memory.connect().send(get("/running"))
      yield* settled
      const clients: Array<WireClient> = []
      for (let i = 0; i < 2; i++) {
        const client = memory.connect()
        client.send(sent)
        clients.push(client)
        yield* settled
      }
      breaking.armed = true
      yield* act(running, () => memory.connect())
      expect(clients[1].ended).toBe(true)
      const stopping = yield* Effect.forkDaemon(running.stop({ grace: 0 }))
      for (let i = 0; i < 4; i++) yield* pass(500)
      expect(yield* Fiber.poll(stopping)).toMatchObject({ _tag: "Some" })
      expect(yield* running.connections).toEqual({ open: 0, waiting: 0 })
    }))
})
