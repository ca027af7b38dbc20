/** Node streams as response bodies are let go, whatever happens to the response. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Buffer } from "node:buffer"
import { once } from "node:events"
import { Readable, Stream } from "node:stream"
import { gate } from "../utils/gate.js"
import { requestBytes } from "./exchanges.js"
import { nothingSeen, serve } from "./scene.js"

const serving = (body: unknown, contentType?: string) =>
  Effect.gen(function*() {
    const app = Effect.succeed(HttpServerResponse.raw(body, { contentType }))
    const { connect } = yield* serve(HttpServer.serve(app), nothingSeen())
    return yield* Effect.acquireRelease(Effect.promise(connect), (client) => Effect.sync(() => client.close()))
  })

it.scoped("when it was not asked for", () =>
  Effect.gen(function*() {
    const body = Readable.from(["never sent"])
    const closed = once(body, "close")
    const client = yield* serving(body)
    client.send(requestBytes("HEAD", "/", {}))
    expect((yield* Effect.promise(() => client.head())).status).toBe(200)
    yield* Effect.promise(() => closed)
  }))

it.scoped("when the client leaves while it has nothing to give", () =>
  Effect.gen(function*() {
    const body = new Readable({ read: () => undefined })
    const closed = once(body, "close")
    const client = yield* serving(body)
    client.send(requestBytes("GET", "/", {}))
    body.push("something")
    yield* Effect.promise(() => client.until("something"))
    client.close()
    yield* Effect.promise(() => closed)
  }))

it.scoped("when it fails, and the client can tell", () =>
  Effect.gen(function*() {
    const body = new Readable({ read: () => undefined })
    const client = yield* serving(body)
    client.send(requestBytes("GET", "/", {}))
    body.push("something")
    yield* Effect.promise(() => client.until("something"))
    body.destroy(new Error("why"))
    const rest = yield* Effect.promise(() => client.all())
    expect(rest.toString()).not.toContain("0\r\n\r\n")
  }))

/** A stream as before Node 0.10, which can be let go. */
const legacy = () => {
  const destroyed = gate()
  const heard = gate()
  const body = Object.assign(new Stream(), { destroy: () => destroyed.open() })
  body.on("newListener", (event) => {
    if (event === "data") heard.open()
  })
  return { closed: destroyed.opened, heard: heard.opened, body }
}

it.scoped.each(["GET", "HEAD"])("%s: a stream of the old kind, too", (method) =>
  Effect.gen(function*() {
    const { body, closed, heard } = legacy()
    const client = yield* serving(body)
    client.send(requestBytes(method, "/", {}))
    if (method === "GET") {
      yield* Effect.promise(() => heard)
      body.emit("data", Buffer.from("something"))
      yield* Effect.promise(() => client.until("something"))
      client.close()
    }
    yield* Effect.promise(() => closed)
  }))

it.scoped("a stream of the old kind that fails: the client can tell", () =>
  Effect.gen(function*() {
    const { body, heard } = legacy()
    const client = yield* serving(body)
    client.send(requestBytes("GET", "/", {}))
    yield* Effect.promise(() => heard)
    body.emit("data", Buffer.from("something"))
    yield* Effect.promise(() => client.until("something"))
    body.emit("error", new Error("why"))
    const rest = yield* Effect.promise(() => client.all())
    expect(rest.toString()).not.toContain("0\r\n\r\n")
  }))

const form = new FormData()
form.append("a", "1")

it.scoped.each<readonly [string, unknown, string | undefined, RegExp]>([
  ["a Blob", new Blob(["a"], { type: "x/own" }), "text/plain", /^text\/plain$/],
  ["a Blob that knows better", new Blob(["a"], { type: "x/own" }), undefined, /^x\/own$/],
  ["parameters", new URLSearchParams({ a: "1" }), "text/plain", /^text\/plain$/],
  ["a form, which makes its boundary", form, "text/plain", /^multipart\/form-data; boundary=/]
])("the type that is given is that of %s", ([, body, given, type]) =>
  Effect.gen(function*() {
    const client = yield* serving(body, given)
    client.send(requestBytes("GET", "/", {}))
    const response = yield* Effect.promise(() => client.response())
    expect(response.all("content-type")).toEqual([expect.stringMatching(type)])
  }))
