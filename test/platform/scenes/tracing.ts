/** Spans: names, attributes, parents from headers, children, and when there are none. */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import type { Scene } from "../differential.js"
import { get, post } from "../exchanges.js"

const current = Effect.map(Effect.currentSpan, (span) =>
  HttpServerResponse.unsafeJson({
    name: span.name,
    kind: span.kind,
    parent: span.parent._tag === "Some" ? span.parent.value._tag : "None",
    // ids differ, but not their relations
    sameTrace: span.parent._tag === "Some" ? span.parent.value.traceId === span.traceId : undefined,
    sampled: span.sampled,
    status: span.status._tag,
    links: span.links.length,
    attributes: [...span.attributes.keys()]
  }))

const router = HttpRouter.empty.pipe(
  HttpRouter.get("/current", current),
  HttpRouter.get(
    "/children",
    Effect.withSpan(
      Effect.zipRight(Effect.withSpan(Effect.annotateCurrentSpan("deep", 1), "inner"), current),
      "outer",
      { attributes: { a: "b" } }
    )
  ),
  HttpRouter.get("/annotated", Effect.as(Effect.annotateCurrentSpan("own", "value"), HttpServerResponse.text("x"))),
  HttpRouter.get(
    "/event",
    Effect.flatMap(Effect.currentSpan, (span) => {
      span.event("something", 0n)
      span.addLinks([])
      return HttpServerResponse.text("x")
    })
  ),
  HttpRouter.get(
    "/parent-of-children",
    Effect.flatMap(Effect.makeSpan("child"), (span) =>
      HttpServerResponse.text(
        span.parent._tag === "Some" && span.parent.value._tag === "Span" ? span.parent.value.name : "none"
      ))
  ),
  HttpRouter.get(
    "/stream",
    Effect.succeed(HttpServerResponse.stream(
      Stream.fromEffect(Effect.withSpan(Effect.succeed("a"), "within the stream")).pipe(Stream.encodeText)
    ))
  ),
  HttpRouter.get(
    "/headers",
    Effect.map(
      Effect.currentSpan,
      (span) => HttpServerResponse.unsafeJson(Object.keys(HttpTraceContext.toHeaders(span)))
    )
  ),
  HttpRouter.get("/fails", Effect.withSpan(Effect.fail("why"), "failing")),
  HttpRouter.get("/untraced", Effect.withTracerEnabled(Effect.withSpan(current, "unseen"), false)),
  HttpRouter.post("/children", Effect.as(Effect.withSpan(Effect.yieldNow(), "waits"), HttpServerResponse.text("x"))),
  HttpRouter.get("/health", HttpServerResponse.text("well")),
  HttpRouter.get("/health/current", Effect.orElseSucceed(current, () => HttpServerResponse.text("no span")))
)

const trace = "0af7651916cd43dd8448eb211c80319c"
const id = "b7ad6b7169203331"
const parents: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  w3c: { traceparent: `00-${trace}-${id}-01`, tracestate: "a=b" },
  "w3c, not sampled": { traceparent: `00-${trace}-${id}-00` },
  "w3c of another version": { traceparent: `cc-${trace}-${id}-01` },
  "w3c, malformed": { traceparent: `00-${trace}` },
  b3: { b3: `${trace}-${id}-1` },
  "b3, not sampled": { b3: `${trace}-${id}-0` },
  "b3, only sampling": { b3: "0" },
  "b3 of several fields": { "X-B3-TraceId": trace, "X-B3-SpanId": id, "X-B3-Sampled": "1" },
  "b3 of several fields, with a parent": {
    "X-B3-TraceId": trace,
    "X-B3-SpanId": id,
    "X-B3-ParentSpanId": "05e3ac9a4f6e3b90",
    "X-B3-Sampled": "0"
  },
  "both kinds": { traceparent: `00-${trace}-${id}-01`, b3: `${id}${id}-${id}-0` }
}

const exchanges = [
  get("/current"),
  get("/current?a=b&c"),
  get("/children"),
  post("/children", ""),
  get("/annotated"),
  get("/event"),
  get("/parent-of-children"),
  get("/stream"),
  get("/headers"),
  get("/fails"),
  get("/untraced"),
  get("/nowhere"),
  get("/health"),
  get("/health/current"),
  get("/current", {
    headers: { "User-Agent": "test", Authorization: "Bearer x", Cookie: "a=1", "X-Api-Key": "k", "Set-Cookie": "s" },
    title: "with secrets"
  }),
  get("/current", {
    headers: { "X-Forwarded-Proto": "https" },
    title: "behind TLS",
    decisions: ["nobodySaysTheScheme"]
  }),
  ...Object.entries(parents).flatMap(([name, headers]) => [
    get("/current", { headers, title: `/current, ${name}` }),
    get("/children", { headers, title: `/children, ${name}` })
  ])
]

const served = HttpServer.serve(router)

export const tracing: ReadonlyArray<Scene> = [
  { name: "spans", app: served, exchanges },
  { name: "spans with a logger", app: HttpServer.serve(router, HttpMiddleware.logger), exchanges },
  {
    name: "spans where the tracer is not disabled",
    app: served.pipe(HttpMiddleware.withTracerDisabledWhen((request) => request.url.startsWith("/health"))),
    exchanges
  },
  {
    name: "spans not of some URLs",
    app: served.pipe(HttpMiddleware.withTracerDisabledForUrls(["/health"])),
    exchanges
  },
  {
    name: "spans by other names",
    app: served.pipe(HttpMiddleware.withSpanNameGenerator((request) => `${request.method} ${request.url}`)),
    exchanges
  },
  {
    name: "spans in a span",
    app: Layer.provide(
      served,
      Layer.succeed(Tracer.ParentSpan, Tracer.externalSpan({ spanId: "of-the-server", traceId: "of-the-program" }))
    ),
    exchanges
  },
  {
    name: "no spans",
    app: Layer.provide(served, Layer.setTracerEnabled(false)),
    exchanges: exchanges.slice(0, 14).filter(({ title }) => title !== "GET /current" && title !== "GET /event")
  }
]
