/**
 * An object that a program gives may have methods that use `this`: none is taken off its object.
 *
 * The family: every object with methods that either door or the memory kit takes. Each has its state in a private field, which
 * throws where `this` is another object.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Tls from "node:tls"
import { type App, bind, type BoundSocket, listen, server, type ServerOptions, wrapTls } from "tsgi"
import {
  AccessLog,
  type Address,
  InterimResponses,
  Listener,
  type Outcome,
  Posthooks,
  RequestParser,
  ServerConfig,
  type Transport,
  TsgiHttpServer
} from "tsgi/effect"
import { type Channel, MemoryListener, WireClient } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { postOf } from "../utils/requests.js"
import { hello } from "../utils/serving.js"
import { connect, connectTls } from "../utils/sockets.js"

/** The names of the methods that were called. */
class Calls {
  readonly #names = new Set<string>()

  note(name: string): void {
    this.#names.add(name)
  }

  get names(): ReadonlyArray<string> {
    return [...this.#names].sort()
  }
}

const upload = postOf(5, "abcde", "Expect: 100-continue", "Connection: close", "X-Forwarded-For: 192.0.2.1")

// ---------------------------------------------------------------------------------------------------------------------
// the Effect door

const config = ServerConfig.make()

class OwnReader implements RequestParser.Reader {
  readonly #reader = RequestParser.make(config).make()

  get buffered(): number {
    return this.#reader.buffered
  }

  get inHead(): boolean {
    return this.#reader.inHead
  }

  get requestLine(): string {
    return this.#reader.requestLine
  }

  receive(bytes: Uint8Array): void {
    this.#reader.receive(bytes)
  }

  next(): ReturnType<RequestParser.Reader["next"]> {
    return this.#reader.next()
  }

  expectAnotherBody(): void {
    this.#reader.expectAnotherBody()
  }

  takeRest(): Uint8Array {
    return this.#reader.takeRest()
  }
}

class OwnParser {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  make(): RequestParser.Reader {
    this.#calls.note("RequestParser.make")
    return new OwnReader()
  }
}

class OwnInterim {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  prepare(): ReadonlyArray<readonly [string, string]> {
    this.#calls.note("InterimResponses.prepare")
    return [["X-Own", "yes"]]
  }
}

class OwnHooks {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  run<R>(
    hook: Posthooks.PostHook<R>,
    outcome: Outcome.Outcome,
    log: (cause: Cause.Cause<unknown>) => void
  ): void | Effect.Effect<unknown, never, R> {
    this.#calls.note("Posthooks.run")
    return Effect.catchAllCause(Posthooks.toEffect(hook, outcome), (cause) => Effect.sync(() => log(cause)))
  }
}

class OwnLog {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  write(): void {
    this.#calls.note("AccessLog.write")
  }

  get reopen(): Effect.Effect<void> {
    return Effect.sync(() => this.#calls.note("AccessLog.reopen"))
  }
}

class OwnProxies {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  trusts(): boolean {
    this.#calls.note("trustedProxies.trusts")
    return true
  }
}

class OwnTransport implements Transport.Transport {
  readonly #inner: Transport.Transport

  constructor(inner: Transport.Transport) {
    this.#inner = inner
  }

  get local(): Address.Address {
    return this.#inner.local
  }

  get remote(): Address.Address {
    return this.#inner.remote
  }

  get tls(): Transport.Transport["tls"] {
    return this.#inner.tls
  }

  get pending(): number {
    return this.#inner.pending
  }

  get handed(): number {
    return this.#inner.handed
  }

  open(events: Transport.TransportEvents): void {
    this.#inner.open(events)
  }

  write(data: string | Uint8Array): void {
    this.#inner.write(data)
  }

  cork(): void {
    this.#inner.cork()
  }

  uncork(): void {
    this.#inner.uncork()
  }

  pause(): void {
    this.#inner.pause()
  }

  resume(): void {
    this.#inner.resume()
  }

  end(): void {
    this.#inner.end()
  }

  destroy(): void {
    this.#inner.destroy()
  }

  run<A, B>(callback: (first: A, second: B) => void, first: A, second: B): void {
    this.#inner.run(callback, first, second)
  }

  detach(owes: () => void): unknown {
    return this.#inner.detach(owes)
  }
}

class OwnHandshakes implements Listener.PendingHandshakes {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  get size(): number {
    return 0
  }

  dropAll(): void {
    this.#calls.note("PendingHandshakes.dropAll")
  }
}

class OwnListener {
  readonly _tag = "Listener"
  readonly #calls: Calls
  readonly #memory: ReturnType<typeof MemoryListener.make>

  constructor(calls: Calls, memory: ReturnType<typeof MemoryListener.make>) {
    this.#calls = calls
    this.#memory = memory
  }

  bind(...[acceptor, options]: Parameters<Listener.Listener["Type"]["bind"]>): ReturnType<
    Listener.Listener["Type"]["bind"]
  > {
    this.#calls.note("Listener.bind")
    const own = {
      ...acceptor,
      accepted: (transport: Transport.Transport) => acceptor.accepted(new OwnTransport(transport))
    }
    return Effect.map(this.#memory.listener.bind(own, options), (bound) => ({
      ...bound,
      pending: new OwnHandshakes(this.#calls)
    }))
  }
}

describe("at the Effect door", () => {
  it("every service, with the transports, readers and handshakes that it makes", async () => {
    const calls = new Calls()
    const memory = MemoryListener.make()
    const services = Layer.mergeAll(
      Layer.succeed(Listener.Listener, new OwnListener(calls, memory)),
      Layer.succeed(RequestParser.RequestParser, new OwnParser(calls)),
      Layer.succeed(InterimResponses.InterimResponses, new OwnInterim(calls)),
      Layer.succeed(Posthooks.Posthooks, new OwnHooks(calls)),
      Layer.succeed(AccessLog.AccessLog, new OwnLog(calls)),
      ServerConfig.layer({ trustedProxies: new OwnProxies(calls), forwarded: true })
    )
    const app = Effect.gen(function*() {
      yield* Effect.orDie(Posthooks.add(() => Effect.void))
      const request = yield* HttpServerRequest.HttpServerRequest
      return HttpServerResponse.text(yield* Effect.orDie(request.text))
    })
    const response = await HttpServer.serve(app).pipe(
      Layer.provide(TsgiHttpServer.layerWith()),
      Layer.provideMerge(services),
      Layer.build,
      Effect.flatMap((context) => Effect.provide(AccessLog.reopen, context)),
      Effect.zipRight(Effect.promise(async () => {
        await using client = memory.connect()
        client.send(upload)
        const response = await client.response()
        await client.whenEnded()
        return response
      })),
      Effect.scoped,
      Effect.runPromise
    )
    expect([response.status, response.body.toString()]).toEqual([200, "abcde"])
    expect(response.interim.map((head) => head.get("x-own"))).toEqual(["yes"])
    expect(calls.names).toEqual([
      "AccessLog.reopen",
      "AccessLog.write",
      "InterimResponses.prepare",
      "Listener.bind",
      "PendingHandshakes.dropAll",
      "Posthooks.run",
      "RequestParser.make",
      "trustedProxies.trusts"
    ])
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// the plain door

class OwnLogger {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  info(): void {
    this.#calls.note("info")
  }

  debug(): void {
    this.#calls.note("debug")
  }
}

class OwnWriter {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  write(): void {
    this.#calls.note("write")
  }
}

class OwnBody {
  readonly #calls: Calls
  readonly #parts: Array<string>

  constructor(calls: Calls, parts: ReadonlyArray<string>) {
    this.#calls = calls
    this.#parts = [...parts]
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<string>> {
    const value = this.#parts.shift()
    this.#calls.note("next")
    return Promise.resolve(value === undefined ? { done: true, value } : { done: false, value })
  }

  return(): Promise<IteratorResult<string>> {
    this.#calls.note("return")
    return Promise.resolve({ done: true, value: undefined })
  }

  close(): void {
    this.#calls.note("close")
  }
}

class OwnSocket implements BoundSocket {
  readonly #calls: Calls
  readonly #socket: BoundSocket

  constructor(calls: Calls, socket: BoundSocket) {
    this.#calls = calls
    this.#socket = socket
  }

  get address(): BoundSocket["address"] {
    return this.#socket.address
  }

  get fd(): number {
    return this.#socket.fd
  }

  get backlog(): number {
    return this.#socket.backlog
  }

  close(): void {
    this.#calls.note("close")
    this.#socket.close()
  }

  take(): number {
    this.#calls.note("take")
    return this.#socket.take()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

class OwnTls {
  readonly #calls: Calls

  constructor(calls: Calls, readonly cert: string, readonly key: string) {
    this.#calls = calls
  }

  SNICallback(_name: string, done: (error: Error | null, context?: Tls.SecureContext) => void): void {
    this.#calls.note("SNICallback")
    done(null, Tls.createSecureContext({ cert: this.cert, key: this.key }))
  }

  ALPNCallback({ protocols }: { readonly protocols: ReadonlyArray<string> }): string | undefined {
    this.#calls.note("ALPNCallback")
    return protocols[0]
  }
}

/** Serves in memory, and asks once. */
const askInMemory = async (app: App, options: ServerOptions, calls = new Calls()): Promise<string> => {
  const memory = MemoryListener.make()
  await using running = server(new OwnListener(calls, memory), app, options)
  await running.ready
  await using client = memory.connect()
  client.send(upload)
  const { body } = await client.response()
  await client.whenEnded()
  return body.toString()
}

describe("at the plain door", () => {
  it("a listener and a log with info and debug", async () => {
    const calls = new Calls()
    await askInMemory(hello, { log: new OwnLogger(calls), debug: true }, calls)
    expect(calls.names).toEqual(["Listener.bind", "PendingHandshakes.dropAll", "debug", "info"])
  })

  it("a log and an error log with write", async () => {
    const [log, errorLog] = [new Calls(), new Calls()]
    await askInMemory(hello, { log: new OwnWriter(log), errorLog: new OwnWriter(errorLog) })
    expect([log.names, errorLog.names]).toEqual([["write"], ["write"]])
  })

  it("a body that is read, and one that is let go", async () => {
    const [read, released] = [new Calls(), new Calls()]
    const text = await askInMemory((_env, startResponse) => {
      startResponse("200 OK", [])
      return new OwnBody(read, ["a", "b"])
    }, { logOutput: false })
    expect([text, read.names]).toEqual(["ab", ["next"]])
    await askInMemory((_env, startResponse) => {
      startResponse("200 OK", [["Content-Length", "1"]])
      return new OwnBody(released, ["a", "bc"])
    }, { logOutput: false })
    expect(released.names).toEqual(["close", "next", "return"])
  })

  it("a bound socket", async () => {
    const calls = new Calls()
    await using running = server(listen({ socket: new OwnSocket(calls, await bind()) }), hello, { logOutput: false })
    await using client = await connect(await running.ready)
    client.send(upload)
    expect((await client.response()).status).toBe(200)
    client.close()
    await running.stop()
    expect(calls.names).toEqual(["close", "take"])
  })

  it("the callbacks of TLS", async () => {
    const calls = new Calls()
    const { cert, key } = await makeCertificate("localhost")
    const listener = wrapTls(listen(), new OwnTls(calls, cert, key))
    await using running = server(listener, hello, { logOutput: false })
    await using client = await connectTls(await running.ready, { servername: "localhost", ALPNProtocols: ["http/1.1"] })
    client.send(upload)
    expect((await client.response()).status).toBe(200)
    expect(calls.names).toEqual(["ALPNCallback", "SNICallback"])
  })
})

// ---------------------------------------------------------------------------------------------------------------------
// the memory kit

class OwnChannel implements Channel {
  readonly #calls: Calls

  constructor(calls: Calls) {
    this.#calls = calls
  }

  write(): void {
    this.#calls.note("write")
  }

  end(): void {
    this.#calls.note("end")
  }

  close(): void {
    this.#calls.note("close")
  }

  reset(): void {
    this.#calls.note("reset")
  }

  pause(): void {
    this.#calls.note("pause")
  }

  resume(): void {
    this.#calls.note("resume")
  }

  unsent(): number {
    this.#calls.note("unsent")
    return 0
  }

  receive({ closed }: Parameters<Channel["receive"]>[0]): void {
    this.#calls.note("receive")
    closed()
  }
}

it("in the memory kit: the channel of a client", () => {
  const calls = new Calls()
  const client = new WireClient(new OwnChannel(calls))
  client.send("a")
  client.end()
  client.pause()
  client.resume()
  client.reset()
  client.close()
  expect(client.unsent).toBe(0)
  expect(calls.names).toEqual(["close", "end", "pause", "receive", "reset", "resume", "unsent", "write"])
})
