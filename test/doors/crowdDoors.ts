/** The servers for a crowd, at both doors, with the same paths and the same number of places. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { listen, server, type ServerOptions, wrapTls } from "tsgi"
import { TsgiHttpServer } from "tsgi/effect"
import { makeCertificate } from "../utils/certificate.js"

const large = Buffer.alloc(65_536, "l")
const pieces = 512

export const servePlain = async (tls: boolean, options: ServerOptions = {}) => {
  const plain = listen({ host: "127.0.0.1", port: 0 })
  const running = server(
    tls ? wrapTls(plain, await makeCertificate("localhost")) : plain,
    async (env, startResponse) => {
      if (env.PATH_INFO === "/upload") { for await (const _ of env["wsgi.input"]); }
      startResponse("200 OK", [["Content-Type", "text/plain"]])
      return env.PATH_INFO === "/large" ? Array.from({ length: pieces }, () => large).values() : "hello"
    },
    { logOutput: false, log: () => undefined, ...options }
  )
  const address = await running.ready
  return { port: address._tag === "Tcp" ? address.port : 0, stop: () => running.stop({ grace: 0 }) }
}

export const serveEffect = async (tls: boolean, options: TsgiHttpServer.Options = {}) => {
  const app = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
    if (request.url === "/large") {
      return Effect.succeed(HttpServerResponse.stream(Stream.fromIterable(Array.from({ length: pieces }, () => large))))
    }
    const read = request.url === "/upload" ? Stream.runDrain(request.stream) : Effect.void
    return Effect.as(read, HttpServerResponse.text("hello"))
  })
  const scope = await Effect.runPromise(Scope.make())
  const layer = TsgiHttpServer.layer({
    host: "127.0.0.1",
    port: 0,
    tls: tls ? await makeCertificate("localhost") : undefined,
    ...options,
    timeouts: { grace: 0, ...options.timeouts },
    limits: { connections: 1024, ...options.limits }
  })
  const context = await HttpServer.serve(app).pipe(
    Layer.provideMerge(layer),
    Layer.buildWithScope(scope),
    Effect.runPromise
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  return {
    port: address._tag === "TcpAddress" ? address.port : 0,
    stop: () => Effect.runPromise(Scope.close(scope, Exit.void))
  }
}

export const doors = { plain: servePlain, effect: serveEffect }

export const isDoor = (name: string): name is keyof typeof doors => name in doors
