/**
 * One service of the engine replaced by a layer: the access log, here lines of JSON on standard output.
 *
 *   npx tsx examples/effect/access-log.ts
 *   curl http://127.0.0.1:8090/                       Hello, World!
 *   curl http://127.0.0.1:8090/ -H "Host:"            MissingHost: ...
 *   curl -m 0.2 http://127.0.0.1:8090/never           gives up
 *
 * The server prints
 *       {"time":"...","client":"127.0.0.1","request":"GET / HTTP/1.1","status":200,"bytes":14,"outcome":"Sent"}
 *       {"time":"...","client":"127.0.0.1","request":"GET / HTTP/1.1","status":400,"bytes":..,"outcome":"MissingHost"}
 *       {"time":"...","client":"127.0.0.1","request":"GET /never HTTP/1.1","status":499,"bytes":0,"outcome":"ClientGone"}
 */
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Effect, Layer } from "effect"
import { AccessLog, NodeListener, TsgiHttpServer } from "tsgi/effect"
import { port, run } from "./serve.js"

const json = ({ bodyBytes, endTime, outcome, refused, remote, requestLine, status }: AccessLog.AccessRecord): string =>
  JSON.stringify({
    time: new Date(endTime).toISOString(),
    client: remote._tag === "Tcp" ? remote.host : "unix",
    request: requestLine,
    status,
    bytes: bodyBytes,
    outcome: refused?.reason ?? (outcome?._tag === "Aborted" ? outcome.reason : outcome?._tag)
  })

const Engine = Layer.mergeAll(
  TsgiHttpServer.layerServices,
  NodeListener.layer({ port }),
  // a later service replaces an earlier one
  AccessLog.layerLines(json, (line) => process.stdout.write(`${line}\n`))
)

const server = HttpRouter.empty.pipe(
  HttpRouter.get("/", HttpServerResponse.text("Hello, World!\n")),
  HttpRouter.get("/never", Effect.never),
  HttpServer.serve(),
  HttpServer.withLogAddress,
  Layer.provide(TsgiHttpServer.layerWith()),
  Layer.provide(Engine)
)

run(server)
