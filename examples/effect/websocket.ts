/**
 * A WebSocket that echoes, and says goodbye when the server stops.
 *
 *   npx tsx examples/effect/websocket.ts
 *   npx tsx -e 'import { WebSocket } from "ws"
 *     const socket = new WebSocket("ws://127.0.0.1:8090/")
 *     socket.on("open", () => socket.send("hello"))
 *     socket.on("message", (data) => console.log(String(data)))
 *     socket.on("close", (code, reason) => console.log(code, String(reason)))'
 *                                      you said: hello
 *                                      1001 the server stops      after Ctrl-C in the server's terminal
 *   curl -i http://127.0.0.1:8090/     HTTP/1.1 400 Bad Request        because it is no WebSocket handshake
 *
 * The server logs `connected`, and `disconnected` whatever the reason was.
 */
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse, Socket } from "@effect/platform"
import { Effect, Layer } from "effect"
import { TsgiHttpServer } from "tsgi/effect"
import { isMain, port, run } from "./serve.js"

const echo = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  const socket = yield* request.upgrade
  const write = yield* socket.writer
  yield* Effect.forkScoped(
    Effect.zipRight(TsgiHttpServer.stopping, write(new Socket.CloseEvent(1001, "the server stops")))
  )
  yield* socket.runRaw((message) => write(`you said: ${message.toString()}`), { onOpen: Effect.log("connected") }).pipe(
    Effect.catchIf(Socket.SocketCloseError.is, () => Effect.void),
    Effect.ensuring(Effect.log("disconnected"))
  )
  return HttpServerResponse.empty()
}).pipe(Effect.scoped)

const app = HttpRouter.empty.pipe(
  HttpRouter.get("/", echo),
  HttpServer.serve()
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(TsgiHttpServer.layer({ port }))
  ))
}
