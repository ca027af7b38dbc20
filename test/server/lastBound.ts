/** The Effect door on a socket, with a resource under its app. */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { TsgiHttpServer } from "tsgi/effect"

export const startListening = async (
  app: HttpApp.Default<never, Scope.Scope>,
  timeouts: TsgiHttpServer.Options["timeouts"],
  resource: Layer.Layer<never> = Layer.empty,
  options: TsgiHttpServer.Options = {}
) => {
  const scope = Effect.runSync(Scope.make())
  const context = await Effect.runPromise(
    HttpServer.serve(app).pipe(
      Layer.provide(resource),
      Layer.provideMerge(TsgiHttpServer.layerServer({ port: 0, host: "127.0.0.1", timeouts, ...options })),
      Layer.buildWithScope(scope),
      Effect.orDie
    )
  )
  const { address } = await Effect.runPromise(Effect.provide(HttpServer.HttpServer, context))
  if (address._tag !== "TcpAddress") throw new Error("not TCP")
  return { port: address.port, stop: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}
