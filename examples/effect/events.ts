/**
 * Server-sent events that say goodbye when the server stops, and end when the client leaves.
 *
 *   npx tsx examples/effect/events.ts
 *   curl -N http://127.0.0.1:8090/      data: 1
 *
 *                                       data: 2 ... until Ctrl-C. Ctrl-C in the server's terminal sends
 *
 *                                       event: goodbye
 *                                       data: the server stops
 *
 * The server logs how many events were sent and why no more were. `INTERVAL` is the time between events in milliseconds,
 * 1000 by default.
 */
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect, Layer, Schedule, Stream } from "effect"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { isMain, port, run } from "./serve.js"

const interval = Number(process.env.INTERVAL ?? 1000)

const events = Effect.gen(function*() {
  const request = yield* HttpServerRequest.HttpServerRequest
  let count = 0
  yield* Posthooks.add((outcome) =>
    Effect.log(`${count} events, ${outcome._tag === "Aborted" ? outcome.reason : "to the end"}`)
  )
  const numbers = Stream.fromSchedule(Schedule.spaced(interval)).pipe(
    Stream.map(() => `data: ${++count}\n\n`),
    Stream.interruptWhen(TsgiHttpServer.stopping),
    Stream.concat(Stream.make("event: goodbye\ndata: the server stops\n\n")),
    Stream.encodeText,
    Stream.provideService(HttpServerRequest.HttpServerRequest, request)
  )
  return HttpServerResponse.stream(numbers, {
    contentType: "text/event-stream",
    headers: { "cache-control": "no-store" }
  })
})

const app = HttpRouter.empty.pipe(
  HttpRouter.get("/", events),
  HttpServer.serve()
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(TsgiHttpServer.layer({ port }))
  ))
}
