/**
 * A session for each connection: made by its first request, found by the others, released once, when the connection ends.
 *
 *   npx tsx examples/effect/connections.ts
 *   curl -s http://127.0.0.1:8090/ http://127.0.0.1:8090/
 *                                      request 1 of connection 1
 *                                      request 2 of connection 1
 *   curl -s http://127.0.0.1:8090/bye http://127.0.0.1:8090/
 *                                      goodbye, connection 2
 *                                      request 1 of connection 3
 *
 * The server logs `connection 1 opened`, and `connection 1 closed after 2 requests`. `/bye` closes its connection once its answer
 * is sent, so that curl asks again on another.
 */
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Effect, Exit, Layer, Scope } from "effect"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { isMain, port, run } from "./serve.js"

interface Session {
  readonly connection: number
  requests: number
}

const sessions = new WeakMap<Scope.Scope, Session>()
let connections = 0

const opened = Effect.acquireRelease(
  Effect.tap(
    Effect.sync((): Session => ({ connection: ++connections, requests: 0 })),
    ({ connection }) => Effect.log(`connection ${connection} opened`)
  ),
  ({ connection, requests }) => Effect.log(`connection ${connection} closed after ${requests} requests`)
)

const session = Effect.gen(function*() {
  const scope = yield* TsgiHttpServer.socketScope
  const found = sessions.get(scope)
  if (found !== undefined) return found
  const made = yield* Scope.extend(opened, scope)
  sessions.set(scope, made)
  return made
})

const hello = Effect.map(
  session,
  (own) => HttpServerResponse.text(`request ${++own.requests} of connection ${own.connection}\n`)
)

const bye = Effect.gen(function*() {
  const scope = yield* TsgiHttpServer.socketScope
  yield* Posthooks.add(() => Scope.close(scope, Exit.void))
  return HttpServerResponse.text(`goodbye, connection ${(yield* session).connection}\n`)
})

const app = HttpRouter.empty.pipe(
  HttpRouter.get("/", hello),
  HttpRouter.get("/bye", bye),
  HttpServer.serve()
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(TsgiHttpServer.layer({ port }))
  ))
}
