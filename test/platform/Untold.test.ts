/**
 * The failure of a handler is logged, even if no middleware logs it.
 *
 * The family: every end without a response (other values, defects, failures), in the kinds of app, with a logger and without; and
 * ends that are not failures, for which there is no line.
 */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRespondable from "@effect/platform/HttpServerRespondable"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { get } from "../utils/requests.js"
import { nothingSeen, serve, type Served } from "./scene.js"

/** Returns the status of the answer and the lines of the loggers. */
const ask = (served: Served) =>
  Effect.gen(function*() {
    const lines: Array<string> = []
    const logger = Logger.make(({ cause, message }) => {
      lines.push([message, Cause.isEmpty(cause) ? "" : Cause.pretty(cause)].flat().map(String).join(" "))
    })
    const { connect } = yield* serve(served, nothingSeen(), {
      memory: true,
      config: { timeouts: { grace: 0 } },
      around: Logger.add(logger)
    })
    const client = yield* Effect.promise(connect)
    client.send(get("/path", "Connection: close"))
    const { status } = yield* Effect.promise(() => client.response())
    yield* Effect.promise(() => client.all())
    return { status, told: lines.filter((line) => !/^(?:tsgi )?(?:starting up|exiting|exited)/.test(line)) }
  })

/** A value that the compiler would refuse, as a handler in JavaScript may return it. */
const untyped = (given: object | string | undefined): Effect.Effect<HttpServerResponse.HttpServerResponse> =>
  Effect.map(Effect.succeed(HttpServerResponse.empty()), (response) => Object.assign([response], [given])[0])

const failing = {
  "a Response": [
    untyped(new Response("")),
    /returned a Response instead of an HttpServerResponse; HttpServerResponse\.fromWeb makes one/
  ],
  "an Effect": [untyped(Effect.void), /returned an? .*HttpServerResponse; run it by yield\*/],
  "text": [untyped("text"), /returned the text "text" instead of an HttpServerResponse/],
  "nothing": [untyped(undefined), /returned undefined instead of an HttpServerResponse/],
  "a defect": [Effect.die(new Error("broken")), /broken/],
  "a failure": [Effect.fail(new Error("refused")), /refused/]
} as const

const failed = /^a (?:defect|failure)$/

describe("without a logger, one line tells of", () => {
  for (const [what, [handler, expected]] of Object.entries(failing)) {
    it.scoped(`${what}`, () =>
      Effect.gen(function*() {
        const { status, told } = yield* ask(HttpServer.serve(handler))
        assert.strictEqual(status, 500)
        assert.strictEqual(told.length, 1)
        assert.match(told[0], expected)
        assert.match(told[0], /the application failed.*GET.*\/path/s)
      }))

    it.scoped(`${what}, with a logger: its own line`, () =>
      Effect.gen(function*() {
        const { status, told } = yield* ask(HttpServer.serve(handler, HttpMiddleware.logger))
        assert.strictEqual(status, 500)
        assert.strictEqual(told.length, 1)
        assert.match(told[0], expected)
      }))

    it.scoped(`${what}, from a route`, () =>
      Effect.gen(function*() {
        const { status, told } = yield* ask(HttpServer.serve(HttpRouter.empty.pipe(HttpRouter.get("/path", handler))))
        assert.strictEqual(status, 500)
        assert.strictEqual(told.length, 1)
        assert.match(told[0], failed.test(what) ? expected : /^a route gave no HttpServerResponse.*GET \/path/)
      }))
  }
})

describe("no line tells of", () => {
  const unavailable = Object.assign(new Error("later"), {
    [HttpServerRespondable.symbol]: () => HttpServerResponse.empty({ status: 503 })
  })
  const meant = {
    "an error that has a response of its own": [Effect.fail(unavailable), 503],
    "a response that says 500": [HttpServerResponse.empty({ status: 500 }), 500],
    "a route that there is not": [HttpRouter.empty, 404]
  } as const
  for (const [what, [app, expected]] of Object.entries(meant)) {
    it.scoped(what, () =>
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* ask(HttpServer.serve(app)), { status: expected, told: [] })
      }))
  }
})
