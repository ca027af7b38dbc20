/** A server on a socket that it inherits, until SIGTERM: `node restarted.mjs (plain | effect) <settle>`. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { listen, server } from "tsgi"
import { TsgiHttpServer } from "tsgi/effect"

const serve: Record<string, (settle: number) => Promise<void>> = {
  plain: async (settle) => {
    const running = server(listen({ fd: 3 }), (_, startResponse) => {
      startResponse("200 OK", [])
      return "hello"
    }, { logOutput: false, timeouts: { settle } })
    process.once("SIGTERM", () => void running.stop())
    await running.ready
    process.send?.("ready")
    await running.closed
    process.disconnect()
  },
  effect: async (settle) => {
    const stopped = new AbortController()
    process.once("SIGTERM", () => stopped.abort())
    const ready = Layer.effectDiscard(Effect.sync(() => process.send?.("ready")))
    const served = HttpServer.serve(Effect.sync(() => HttpServerResponse.text("hello")))
    await Effect.runPromiseExit(
      Layer.launch(
        ready.pipe(Layer.provide(served), Layer.provide(TsgiHttpServer.layerServer({ fd: 3, timeouts: { settle } })))
      ),
      { signal: stopped.signal }
    )
    process.disconnect()
  }
}

const [, , door, settle] = process.argv
await serve[door](Number(settle))
