/**
 * Requests that arrive before an app is served wait for one, and each gets its answer, whatever becomes of the others.
 *
 * The family: the app throws for the first of them, for one in the middle, for the last, for all; the client of one has left
 * meanwhile; the handler asks for the outcome.
 */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Listener, ServerConfig, TsgiHttpServer } from "tsgi/effect"
import { MemoryListener, type WireClient } from "tsgi/testing"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import { Dispatcher } from "../../src/platform/Dispatcher.js"
import { serve } from "../server/engine.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"

const settled = Effect.promise(() => turns(20))

const statusOf = (client: WireClient) => Effect.promise(async () => (await client.response()).status)

const breakingFor = (broken: ReadonlyArray<string>) => (exchange: DoorExchange): void => {
  if (broken.includes(exchange.request.target)) throw new Error("a broken app")
  exchange.respond({ status: 200, fields: [] }, "ok")
}

describe("requests that wait for an app are answered, although it breaks for", () => {
  const targets = ["/1", "/2", "/3"]
  it.scoped.each([[["/1"]], [["/2"]], [["/3"]], [targets]])("%s", ([broken]) =>
    Effect.gen(function*() {
      const dispatcher = new Dispatcher()
      const { connect } = yield* serve((exchange) => dispatcher.take(exchange))
      const clients = targets.map(() => connect())
      clients.forEach((client, i) => client.send(get(targets[i])))
      yield* settled
      dispatcher.serve(breakingFor(broken))
      for (const [i, client] of clients.entries()) {
        assert.strictEqual(yield* statusOf(client), broken.includes(targets[i]) ? 500 : 200)
      }
      const later = connect()
      later.send(get("/4"))
      assert.strictEqual(yield* statusOf(later), 200)
      // a connection that is answered 500 is kept until its client closes it
      for (const client of clients) client.close()
    }))
})

it.scoped("a request whose client has left is not given to the app", () =>
  Effect.gen(function*() {
    const dispatcher = new Dispatcher()
    const { connect } = yield* serve((exchange) => dispatcher.take(exchange), undefined, { halfClose: "abort" })
    const [gone, other] = [connect(), connect()]
    gone.send(get("/gone"))
    other.send(get("/other"))
    yield* settled
    gone.close()
    yield* settled
    const given: Array<string> = []
    dispatcher.serve((exchange) => {
      given.push(exchange.request.target)
      breakingFor([])(exchange)
    })
    assert.strictEqual(yield* statusOf(other), 200)
    assert.deepStrictEqual(given, ["/other"])
  }))

it.scoped("a predicate of the program that throws fails its own request, as it does once the app is served", () =>
  Effect.gen(function*() {
    const memory = MemoryListener.make()
    const server = yield* TsgiHttpServer.makeWith().pipe(
      Effect.provide(
        Layer.merge(TsgiHttpServer.layerServices, Layer.succeed(Listener.Listener, memory.listener)).pipe(
          Layer.provideMerge(ServerConfig.layer({ timeouts: { grace: 0 } }))
        )
      )
    )
    const [broken, fine] = [memory.connect(), memory.connect()]
    broken.send(get("/broken"))
    fine.send(get("/fine"))
    yield* settled
    const hello = Effect.map(HttpServerRequest.HttpServerRequest, ({ url }) => HttpServerResponse.text(url))
    yield* HttpMiddleware.withTracerDisabledWhenEffect(server.serve(hello), ({ url }) => {
      if (url === "/broken") throw new Error("a broken predicate")
      return true
    })
    assert.strictEqual(yield* statusOf(broken), 500)
    assert.strictEqual(yield* statusOf(fine), 200)
    const later = memory.connect()
    later.send(get("/broken"))
    assert.strictEqual(yield* statusOf(later), 500)
  }))

it.scoped("the handler may wait for the outcome, too", () =>
  Effect.gen(function*() {
    const dispatcher = new Dispatcher()
    const { connect } = yield* serve((exchange) => dispatcher.take(exchange))
    const client = connect()
    client.send(get())
    yield* settled
    const outcomes: Array<string> = []
    dispatcher.serve((exchange) => {
      exchange.whenConcluded(({ _tag }) => outcomes.push(`handler ${_tag}`))
      exchange.whenConcluded(({ _tag }) => outcomes.push(`door ${_tag}`))
      breakingFor([])(exchange)
    })
    assert.strictEqual(yield* statusOf(client), 200)
    yield* settled
    assert.deepStrictEqual(outcomes, ["handler Sent", "door Sent"])
  }))
