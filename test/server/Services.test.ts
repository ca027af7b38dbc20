/**
 * A service that a program has replaced may be at fault: that concerns the request or the connection for which it was called, the
 * log names the service and the remedy, and nothing escapes.
 *
 * The family: every service of the engine, and the proxies of its configuration, which throws, throws the second time, returns an
 * Effect or a promise that is rejected where neither is run, or is an object whose methods use `this`.
 */
import { assert, describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as TestClock from "effect/TestClock"
import { MemoryListener } from "tsgi/testing"
import { type Address, hostOf } from "../../src/exchange/Address.js"
import type { Exchange } from "../../src/exchange/Exchange.js"
import type { Outcome } from "../../src/exchange/Outcome.js"
import type { FieldPairs } from "../../src/protocol/heads.js"
import type { RequestHead } from "../../src/protocol/requestHead.js"
import * as AccessLog from "../../src/server/AccessLog.js"
import * as InterimResponses from "../../src/server/InterimResponses.js"
import { Listener, type PendingHandshakes } from "../../src/server/Listener.js"
import * as Posthooks from "../../src/server/Posthooks.js"
import * as RequestParser from "../../src/server/RequestParser.js"
import * as Server from "../../src/server/Server.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import type { Transport } from "../../src/transport/Transport.js"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import * as engine from "./engine.js"

/** What is done in place of a call of a service, which `usual` would make. */
type Fault = <A>(usual: () => A, call: number) => A

const failure = (): Error => new Error("on purpose")
// this stands for a program without types
const untyped = <A>(given: unknown): A => given as A

const faults = {
  "throws": () => {
    throw failure()
  },
  "throws the second time": (usual, call) => {
    if (call === 2) throw failure()
    return usual()
  },
  "returns an Effect": (usual) => untyped(Effect.sync(usual)),
  "returns a promise that is rejected": () => untyped(Promise.reject(failure())),
  "uses this": (usual) => usual()
} as const satisfies Readonly<Record<string, Fault>>

type FaultName = keyof typeof faults

/** A method of a service whose calls are counted in its object, and which is at fault. */
class Faulty {
  calls = 0

  constructor(private readonly fault: Fault) {}

  protected call<A>(usual: () => A): A {
    return this.fault(usual, ++this.calls)
  }
}

const parser = RequestParser.make(ServerConfig.make())
const hooks = Posthooks.make()

class FaultyParser extends Faulty {
  make(): RequestParser.Reader {
    return this.call(() => parser.make())
  }
}

/** A reader with the methods of a usual one, one of which is at fault. */
class FaultyReader extends Faulty {
  private readonly reader = parser.make()

  constructor(fault: Fault, private readonly method: "receive" | "next") {
    super(fault)
  }

  get buffered(): number {
    return this.reader.buffered
  }

  get inHead(): boolean {
    return this.reader.inHead
  }

  get requestLine(): string {
    return this.reader.requestLine
  }

  receive(bytes: Uint8Array): void {
    return this.method === "receive" ? this.call(() => this.reader.receive(bytes)) : this.reader.receive(bytes)
  }

  next(): ReturnType<RequestParser.Reader["next"]> {
    return this.method === "next" ? this.call(() => this.reader.next()) : this.reader.next()
  }

  expectAnotherBody(): void {
    this.reader.expectAnotherBody()
  }

  takeRest(): Uint8Array {
    return this.reader.takeRest()
  }
}

class FaultyInterim extends Faulty {
  prepare(_request: RequestHead, _status: number, fields: FieldPairs): FieldPairs {
    return this.call(() => fields)
  }
}

class FaultyHooks extends Faulty {
  run<R>(
    hook: Posthooks.PostHook<R>,
    outcome: Outcome,
    log: (cause: Cause.Cause<unknown>) => void
  ): void | Effect.Effect<unknown, never, R> {
    return this.call(() => hooks.run(hook, outcome, log))
  }
}

class FaultyLog extends Faulty {
  write(): void {
    return this.call(() => undefined)
  }
}

class FaultyProxies extends Faulty {
  trusts(): boolean {
    return this.call(() => false)
  }
}

/** Believes the peer, and is at fault for the addresses that it forwards. */
class FaultyForwarders extends Faulty {
  trusts(peer: Address): boolean {
    return hostOf(peer) === "127.0.0.1" || this.call(() => false)
  }
}

interface Service {
  readonly config?: (fault: Fault) => ServerConfig.PartialConfig
  readonly layer?: (fault: Fault) => Layer.Layer<never>
  /** What the client gets for whose request a call is at fault: 0 if its connection is closed. */
  readonly status: number
  /** What the log says of each fault; faults without an entry are none here. */
  readonly says: { readonly [F in FaultName]?: RegExp }
}

/** What the log says of a method that has returned what is not run. */
const returning = (what: RegExp, remedy: RegExp) => ({
  "returns an Effect": new RegExp(`${what.source}, not an? (?:Effect|object such as a promise): ${remedy.source}`),
  "returns a promise that is rejected": new RegExp(
    `${what.source}, not an? (?:Promise|object such as a promise): ${remedy.source}`
  )
})

const purpose = /[^]*on purpose/.source
const inLayer = /it cannot wait; run Effects where its layer is built, by Layer\.effect/
const broken = new RegExp(`^a connection broke before it was served${purpose}`)

const readerWith = (method: "receive" | "next", expected: string): Service => ({
  layer: (fault) => Layer.succeed(RequestParser.RequestParser, { make: () => new FaultyReader(fault, method) }),
  status: 0,
  says: {
    "throws": new RegExp(`^a connection broke \\(${purpose}`),
    ...returning(
      new RegExp(`^a connection broke [^]*${method} of a reader of the service RequestParser must return ${expected}`),
      /it cannot wait/
    )
  }
})

const services: Readonly<Record<string, Service>> = {
  "RequestParser": {
    layer: (fault) => Layer.succeed(RequestParser.RequestParser, new FaultyParser(fault)),
    status: 0,
    says: {
      "throws": broken,
      "throws the second time": broken,
      ...returning(/make of the service RequestParser must return a reader/, inLayer)
    }
  },
  "a reader that takes bytes": readerWith("receive", "nothing"),
  "a reader that gives messages": readerWith("next", "a message or undefined"),
  "InterimResponses": {
    layer: (fault) => Layer.succeed(InterimResponses.InterimResponses, new FaultyInterim(fault)),
    status: 500,
    says: {
      "throws": new RegExp(`^the application failed${purpose}`),
      "throws the second time": new RegExp(`^the application failed${purpose}`),
      ...returning(/prepare of the service InterimResponses must return fields or an InterimError/, inLayer)
    }
  },
  "Posthooks": {
    layer: (fault) => Layer.succeed(Posthooks.Posthooks, new FaultyHooks(fault)),
    status: 200,
    says: {
      "throws": new RegExp(`^a post hook failed${purpose}`),
      "throws the second time": new RegExp(`^a post hook failed${purpose}`),
      "returns a promise that is rejected":
        /run of the service Posthooks must return an Effect or nothing, not a Promise: give Effect\.promise/
    }
  },
  "Posthooks, the Effect of which": {
    layer: (fault) =>
      Layer.succeed(Posthooks.Posthooks, {
        run: () => Effect.zipRight(Effect.yieldNow(), Effect.sync(() => fault(() => undefined, 1)))
      }),
    status: 200,
    says: { "throws": new RegExp(`^a post hook failed; the service Posthooks must not${purpose}`) }
  },
  "AccessLog": {
    layer: (fault) => Layer.succeed(AccessLog.AccessLog, new FaultyLog(fault)),
    status: 200,
    says: {
      "throws": new RegExp(`^the access log failed${purpose}`),
      "throws the second time": new RegExp(`^the access log failed${purpose}`),
      "returns an Effect": /the access log returned an Effect, which is not run: .*Effect\.runFork/,
      "returns a promise that is rejected": new RegExp(`^the access log failed${purpose}`)
    }
  },
  "trustedProxies, asked for the address's share": {
    config: (fault) => ({ trustedProxies: new FaultyProxies(fault) }),
    status: 0,
    says: {
      "throws": broken,
      "throws the second time": broken,
      ...returning(/trusts of trustedProxies must return true or false/, /it cannot wait/)
    }
  },
  "trustedProxies, asked whether the peer is believed": {
    config: (fault) => ({ trustedProxies: new FaultyProxies(fault), forwarded: true, limits: { addressShare: 1 } }),
    status: 0,
    says: {
      "throws": broken,
      "throws the second time": broken,
      ...returning(/trusts of trustedProxies must return true or false/, /it cannot wait/)
    }
  },
  "trustedProxies, asked about an address that is forwarded": {
    config: (fault) => ({ trustedProxies: new FaultyForwarders(fault), forwarded: true }),
    status: 500,
    says: {
      "throws": new RegExp(`^the application failed${purpose}`),
      ...returning(
        /^the application failed [^]*trusts of trustedProxies must return true or false/,
        /it cannot wait/
      )
    }
  }
}

const handler = (exchange: Exchange): void => {
  exchange.postHook(() => undefined)
  expect(hostOf(exchange.client)).toMatch(/^(?:127\.0\.0\.1|192\.0\.2\.2)$/)
  const refused = exchange.interim(103, [["X-A", "a"]])
  if (refused !== undefined) exchange.fail(refused)
  else exchange.respond({ status: 200, fields: [] }, "ok")
}

/** Serves three clients one after the other. Returns the status that each was given, and the lines of the log. */
const serveThree = ({ config, layer }: Service, fault: Fault) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, message }) => lines.push(`${String(message)} ${Cause.pretty(cause)}`))
    const { connect, running } = yield* engine.serve(handler, new Journal(), config?.(fault), layer?.(fault)).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, logger))
    )
    const statuses: Array<number> = []
    for (let i = 0; i < 3; i++) {
      const client = connect()
      client.send(get("/", "Connection: close", "X-Forwarded-For: 192.0.2.1, 192.0.2.2"))
      const [, status = "0"] = /HTTP\/1\.1 ([2-5]..)/.exec((yield* Effect.promise(() => client.all())).toString()) ?? []
      statuses.push(Number(status))
      client.close()
    }
    yield* Effect.promise(() => turns(20))
    // nothing of a connection that has failed is left
    assert.deepStrictEqual(yield* running.connections, { open: 0, waiting: 0 })
    return { lines, statuses }
  })

const cases = Object.entries(services).flatMap(([name, service]) =>
  Object.entries(faults).flatMap(([fault, call]) => {
    const says = Object.entries(service.says).find(([name]) => name === fault)?.[1]
    return says === undefined && fault !== "uses this" ? [] : [{ name, service, fault, call, says }]
  })
)

describe("a service that is at fault", () => {
  it.scoped.each(cases)("$name $fault", ({ call, fault, says, service }) =>
    Effect.gen(function*() {
      const { lines, statuses } = yield* serveThree(service, call)
      const { status } = service
      assert.deepStrictEqual(
        statuses,
        fault === "uses this"
          ? [200, 200, 200]
          : fault === "throws the second time"
          ? [200, status, 200]
          : [status, status, status]
      )
      if (says === undefined) assert.deepStrictEqual(lines, [])
      else {
        assert.lengthOf(
          lines.filter((line) => says.test(line)),
          fault === "throws the second time" ? 1 : 3,
          lines.join("\n")
        )
        assert.lengthOf(lines, fault === "throws the second time" ? 1 : 3, lines.join("\n"))
      }
    }))
})

describe("a Listener", () => {
  const memory = MemoryListener.make()

  class FaultyListener extends Faulty {
    bind(...given: Parameters<Listener["Type"]["bind"]>): ReturnType<Listener["Type"]["bind"]> {
      return this.call(() => memory.listener.bind(...given))
    }
  }

  const serveWith = (fault: Fault) =>
    Server.serve(handler).pipe(
      Effect.provide(Server.layerServices),
      Effect.provideService(Listener, new FaultyListener(fault)),
      Effect.scoped
    )

  it.effect.each(
    [
      ["throws", faults["throws"], /on purpose/],
      [
        "returns a promise that is rejected",
        faults["returns a promise that is rejected"],
        /^bind of the service Listener must return an Effect, not a Promise: give Effect\.promise\(/
      ]
    ] as const
  )("that %s fails the server", ([, fault, expected]) =>
    Effect.gen(function*() {
      const exit = yield* Effect.exit(serveWith(fault))
      assert.isTrue(Exit.isFailure(exit))
      const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.match(error instanceof Error ? error.message : String(error), expected)
    }))

  it.effect("that throws the second time serves once, and then fails", () =>
    Effect.gen(function*() {
      let call = 0
      const fault: Fault = (usual) => faults["throws the second time"](usual, ++call)
      const exits = yield* Effect.forEach([1, 2, 3], () => Effect.exit(serveWith(fault)))
      assert.deepStrictEqual(exits.map(({ _tag }) => _tag), ["Success", "Failure", "Success"])
    }))

  it.effect("that uses this serves", () => serveWith(faults["uses this"]))

  /** Serves with a listener that changes what `memory` gives. */
  const serveChanged = (
    transportOf: (transport: Transport) => Transport,
    pending: PendingHandshakes,
    config?: ServerConfig.PartialConfig
  ) => {
    const changed: Listener["Type"] = {
      bind: (acceptor, options) =>
        Effect.map(
          memory.listener.bind(
            { ...acceptor, accepted: (transport) => acceptor.accepted(transportOf(transport)) },
            options
          ),
          (bound) => ({ ...bound, pending })
        )
    }
    return engine.serve(handler, new Journal(), config, Layer.succeed(Listener, changed))
  }

  const pendings: Readonly<Record<string, PendingHandshakes>> = {
    "whose handshakes cannot be counted": {
      get size(): number {
        throw failure()
      },
      dropAll: () => undefined
    },
    "whose handshakes cannot be dropped": {
      size: 0,
      dropAll: () => {
        throw failure()
      }
    }
  }
  it.scoped.each(Object.entries(pendings))("%s stops all the same", ([, pending]) =>
    Effect.gen(function*() {
      const { running } = yield* serveChanged((transport) => transport, pending)
      memory.connect().send(get())
      yield* Effect.promise(() => turns(20))
      const stopping = yield* Effect.fork(running.stop({ grace: 0 }))
      yield* Effect.promise(() => turns(20))
      yield* TestClock.adjust("1 minute")
      const report = yield* Fiber.join(stopping)
      assert.deepInclude(report, { connections: 1, idle: 1 })
    }))

  it.scoped("whose transport throws when it is closed, of a connection that cannot be served: nothing escapes", () =>
    Effect.gen(function*() {
      let broken = true
      const { running } = yield* serveChanged(
        (transport) =>
          !broken ? transport : new Proxy(transport, {
            get: (target, name): unknown => {
              const value: unknown = Reflect.get(target, name, target)
              if (name === "destroy" || name === "remote") throw failure()
              return typeof value === "function" ? value.bind(target) : value
            }
          }),
        { size: 0, dropAll: () => undefined }
      )
      memory.connect().send(get())
      yield* Effect.promise(() => turns(20))
      broken = false
      const other = memory.connect()
      other.send(get())
      assert.strictEqual((yield* Effect.promise(() => other.response())).status, 200)
      assert.deepStrictEqual(yield* running.connections, { open: 1, waiting: 0 })
    }))
})
