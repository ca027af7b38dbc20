/** Every kind of response. */
import * as Cookies from "@effect/platform/Cookies"
import * as Headers from "@effect/platform/Headers"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Readable, Stream as Stream_ } from "node:stream"
import type { DecisionName } from "../decisions.js"
import type { Scene } from "../differential.js"
import { get, head, request } from "../exchanges.js"

const file = new URL("../answers.ts", import.meta.url).pathname
const bytes = new TextEncoder().encode("bytes: ä")
const { raw } = HttpServerResponse

const formData = () => {
  const form = new FormData()
  form.append("name", "value")
  form.append("file", new Blob(["content"], { type: "text/plain" }), "file.txt")
  return form
}

/** A stream as before Node 0.10. */
const legacy = (): Stream_ => {
  const stream = new Stream_()
  setImmediate(() => {
    stream.emit("data", Buffer.from("some "))
    setImmediate(() => {
      stream.emit("data", Buffer.from("more"))
      stream.emit("end")
    })
  })
  return stream
}

/** A stream that begins when it is piped, as that of `form-data` does. */
const combined = () => {
  const stream = new Stream_()
  const { pipe } = stream
  return Object.assign(stream, {
    pipe: <A extends NodeJS.WritableStream>(to: A): A => {
      pipe.call(stream, to)
      setImmediate(() => {
        stream.emit("data", Buffer.from("combined"))
        stream.emit("end")
      })
      return to
    }
  })
}

const route = <E, R>(
  path: `/${string}`,
  handler: HttpRouter.Route.Handler<E, R>,
  method: "GET" | "HEAD" | "OPTIONS" = "GET"
) => HttpRouter.makeRoute(method, path, handler)

const routes = [
  route("/text", HttpServerResponse.text("hello")),
  route("/empty-text", HttpServerResponse.text("")),
  route("/utf8", HttpServerResponse.text("grüße 🙂")),
  route("/html", HttpServerResponse.html("<p>hello</p>")),
  route("/html-template", HttpServerResponse.html`<p>${Effect.succeed("hello")} ${1}</p>`),
  route("/html-stream", HttpServerResponse.htmlStream`<p>${Stream.make("a", "b")}</p>`),
  route("/json", HttpServerResponse.json({ a: [1, "ä"] })),
  route("/unsafe-json", HttpServerResponse.unsafeJson({ a: null }, { status: 201 })),
  route(
    "/circular",
    Effect.suspend(() => {
      const circular: { self?: unknown } = {}
      circular.self = circular
      return HttpServerResponse.json(circular)
    })
  ),
  route("/url-params", HttpServerResponse.urlParams({ a: "1 2", b: ["x", "y"] })),
  route("/bytes", HttpServerResponse.uint8Array(bytes)),
  route("/bytes-typed", HttpServerResponse.uint8Array(bytes, { contentType: "image/x-test" })),
  route("/empty", HttpServerResponse.empty()),
  route("/empty-200", HttpServerResponse.empty({ status: 200 })),
  route("/empty-404", HttpServerResponse.empty({ status: 404, headers: { "x-why": "because" } })),
  route("/204-with-body", HttpServerResponse.text("none", { status: 204 })),
  route("/304-with-body", HttpServerResponse.text("none", { status: 304, headers: { etag: "\"1\"" } })),
  route("/304", HttpServerResponse.empty({ status: 304, headers: { etag: "W/\"1\"" } })),
  route("/redirect", HttpServerResponse.redirect("/elsewhere")),
  route("/redirect-url", HttpServerResponse.redirect(new URL("http://a.test/b"), { status: 307 })),
  route("/status-text", HttpServerResponse.text("x", { statusText: "Quite Fine" })),
  route("/status-text-stream", HttpServerResponse.stream(Stream.make(bytes), { statusText: "Quite Fine" })),
  route("/status-413", HttpServerResponse.empty({ status: 413 })),
  route("/status-422", HttpServerResponse.text("x", { status: 422 })),
  route("/status-418", HttpServerResponse.text("x", { status: 418 })),
  route("/status-299", HttpServerResponse.text("x", { status: 299 })),
  route("/status-600", HttpServerResponse.text("x", { status: 600 })),
  route("/status-1000", HttpServerResponse.text("x", { status: 1000 })),
  route("/bad-header", HttpServerResponse.text("x", { headers: { "x-bad": "a\r\nb" } })),
  route("/bad-name", HttpServerResponse.text("x", { headers: { "x bad": "a" } })),
  route(
    "/headers",
    HttpServerResponse.text("x", {
      headers: Headers.fromInput({ "X-One": "1", "x-list": ["a", "b"], server: "mine", date: "today" })
    })
  ),
  route("/latin1", HttpServerResponse.text("x", { headers: { "x-latin": "grüße" } })),
  route("/close", HttpServerResponse.text("x", { headers: { connection: "close" } })),
  route(
    "/cookies",
    HttpServerResponse.text("x").pipe(
      HttpServerResponse.setCookie("a", "1 2", { httpOnly: true, path: "/", maxAge: "1 hour" }),
      Effect.flatMap(HttpServerResponse.setCookie("b", "2", { secure: true, sameSite: "lax" })),
      Effect.flatMap(HttpServerResponse.expireCookie("c"))
    )
  ),
  route(
    "/cookies-and-header",
    HttpServerResponse.text("x", {
      headers: { "set-cookie": "h=1" },
      cookies: Cookies.fromIterable([Cookies.unsafeMakeCookie("a", "1"), Cookies.unsafeMakeCookie("b", "2")])
    })
  ),
  route(
    "/cookies-stream",
    Effect.map(
      HttpServerResponse.setCookie(HttpServerResponse.stream(Stream.make(bytes)), "a", "1"),
      HttpServerResponse.setHeader("x-more", "1")
    )
  ),
  route("/stream", HttpServerResponse.stream(Stream.make(bytes, bytes), { contentType: "text/plain" })),
  route("/stream-empty", HttpServerResponse.stream(Stream.empty)),
  route("/stream-length", HttpServerResponse.stream(Stream.make(bytes), { contentLength: bytes.length })),
  route(
    "/stream-large",
    HttpServerResponse.stream(
      Stream.range(1, 200).pipe(
        Stream.map((n) => new Uint8Array(10_000).fill(n))
      )
    )
  ),
  route(
    "/stream-beyond",
    HttpServerResponse.stream(Stream.make(bytes, bytes), { contentLength: bytes.length })
  ),
  route("/raw-string", raw("raw")),
  route("/raw-string-typed", raw("raw", { contentType: "text/x-raw", contentLength: 3 })),
  route("/raw-bytes", raw(bytes)),
  route("/raw-null", raw(null)),
  route("/raw-undefined", raw(undefined)),
  route("/raw-readable", Effect.sync(() => raw(Readable.from([bytes, bytes])))),
  route("/raw-readable-length", Effect.sync(() => raw(Readable.from([bytes]), { contentLength: bytes.length }))),
  route("/raw-readable-204", Effect.sync(() => raw(Readable.from([bytes]), { status: 204 }))),
  route("/raw-blob", Effect.sync(() => raw(new Blob(["blob"])))),
  route("/raw-web", Effect.sync(() => raw(new Blob(["web"]).stream()))),
  route(
    "/raw-iterable",
    Effect.sync(() =>
      raw((async function*() {
        yield bytes
      })())
    )
  ),
  route("/raw-legacy", Effect.sync(() => raw(legacy(), { contentType: "text/plain" }))),
  route("/raw-combined", Effect.sync(() => raw(combined()))),
  route("/raw-blob-typed", Effect.sync(() => raw(new Blob(["{}"], { type: "x/own" }), { contentType: "x/given" }))),
  route("/raw-object", Effect.sync(() => raw({ a: 1 }))),
  route("/raw-form", Effect.sync(() => raw(formData()))),
  route("/form", Effect.sync(() => HttpServerResponse.formData(formData()))),
  route(
    "/form-typed",
    Effect.sync(() => HttpServerResponse.formData(formData(), { headers: { "content-type": "x/overridden" } }))
  ),
  route("/file", HttpServerResponse.file(file)),
  route("/file-part", HttpServerResponse.file(file, { offset: 3, bytesToRead: 10, status: 206 })),
  route("/file-empty", HttpServerResponse.file("/dev/null", { contentType: "text/plain" })),
  route("/file-gone", HttpServerResponse.file("/nowhere/at/all")),
  route(
    "/file-web",
    Effect.suspend(() => HttpServerResponse.fileWeb(new File(["content"], "a.json", { lastModified: 1_000_000 })))
  ),
  route(
    "/web",
    Effect.sync(() =>
      HttpServerResponse.fromWeb(
        new Response("web", { status: 202, statusText: "Web", headers: [["set-cookie", "a=1"], ["set-cookie", "b=2"]] })
      )
    )
  ),
  route("/web-json", Effect.sync(() => HttpServerResponse.fromWeb(Response.json({ a: 1 })))),
  route("/length-of-nothing", HttpServerResponse.empty({ status: 200, headers: { "content-length": "10" } })),
  route("/length-of-more", raw("short", { headers: { "content-length": "10" } })),
  route("/options", HttpServerResponse.empty({ status: 200, headers: { allow: "GET" } }), "OPTIONS"),
  route("/head-only", HttpServerResponse.text("head"), "HEAD")
]

const decided: Readonly<Record<string, ReadonlyArray<DecisionName>>> = {
  "/204-with-body": ["noLengthWithoutBody"],
  "/status-text": ["statusTextIsSent"],
  "/status-text-stream": ["statusTextIsSent"],
  "/web": ["statusTextIsSent"],
  "/bad-header": ["phraseOfTheAnswer", "faultsInOurWords"],
  "/bad-name": ["phraseOfTheAnswer", "faultsInOurWords"]
}
const onlyGet: typeof decided = {
  "/stream-beyond": ["excessIsCut"],
  "/length-of-nothing": ["cutNotEnded"],
  "/length-of-more": ["cutNotEnded"],
  "/raw-blob": ["rawBodiesOfTheWeb"],
  "/raw-blob-typed": ["rawBodiesOfTheWeb"],
  "/raw-web": ["rawBodiesOfTheWeb"],
  "/raw-iterable": ["rawBodiesOfTheWeb"],
  "/raw-object": ["rawBodiesOfTheWeb"],
  "/raw-form": ["rawBodiesOfTheWeb"],
  "/status-1000": ["faultsInOurWords"]
}
const onlyHead: typeof decided = {
  "/raw-object": ["headIsLikeGet"],
  "/raw-form": ["headIsLikeGet"],
  "/form": ["headIsLikeGet"],
  "/form-typed": ["headIsLikeGet"],
  "/status-1000": ["faultsInOurWords"]
}

// NodeHttpServer never answers these
const unanswered = (path: string) =>
  onlyGet[path]?.includes("rawBodiesOfTheWeb") || path === "/status-1000" || path.startsWith("/length-of-")

const paths = routes.filter(({ method }) => method === "GET").map(({ path }) => path)

export const responses: Scene = {
  name: "responses",
  app: HttpServer.serve(HttpRouter.fromIterable(routes)),
  exchanges: [
    ...paths.map((path) =>
      get(path, {
        decisions: [...decided[path] ?? [], ...onlyGet[path] ?? []],
        unanswered: unanswered(path)
      })
    ),
    ...paths.map((path) =>
      head(path, { decisions: [...decided[path] ?? [], ...onlyHead[path] ?? []], unanswered: path === "/status-1000" })
    ),
    get("/file", { headers: { "If-None-Match": "*" }, title: "GET /file, cached" }),
    get("/304", { headers: { "If-None-Match": "W/\"1\"" }, title: "GET /304, cached" }),
    head("/head-only"),
    request("OPTIONS", "/options"),
    request("OPTIONS", "/text"),
    ...["/text", "/stream", "/empty-200", "/raw-string", "/304", "/file", "/form", "/close"].map((path) =>
      get(path, { version: "1.0", title: `GET ${path} HTTP/1.0` })
    )
  ]
}
