/** The servers for a crowd, at both doors, with the same paths and the same number of places. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { App, ServerOptions } from "tsgi"
import { serveEffect, servePlain } from "./quietDoors.js"

const large = Buffer.alloc(65_536, "l")
const pieces = 512

const app: App = async (env, startResponse) => {
  if (env.PATH_INFO === "/upload") { for await (const _ of env["wsgi.input"]); }
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return env.PATH_INFO === "/large" ? Array.from({ length: pieces }, () => large).values() : "hello"
}

const effectApp = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
  if (request.url === "/large") {
    return Effect.succeed(HttpServerResponse.stream(Stream.fromIterable(Array.from({ length: pieces }, () => large))))
  }
  const read = request.url === "/upload" ? Stream.runDrain(request.stream) : Effect.void
  return Effect.as(read, HttpServerResponse.text("hello"))
})

type Limits = ServerOptions["limits"]

export const doors = {
  plain: (tls: boolean, limits?: Limits) => servePlain(app, tls, { limits }),
  effect: (tls: boolean, limits?: Limits) => serveEffect(effectApp, tls, { limits: { connections: 1024, ...limits } })
}

export const isDoor = (name: string): name is keyof typeof doors => name in doors
