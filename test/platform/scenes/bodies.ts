/** Every way to read a request: its fields, cookies, parameters, and its body. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Multipart from "@effect/platform/Multipart"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { DecisionName } from "../decisions.js"
import type { Scene } from "../differential.js"
import { get, head, post, postJson, request } from "../exchanges.js"

const json = (body: unknown) => HttpServerResponse.unsafeJson(body)
const text = (body: string) => HttpServerResponse.text(body)
const current = HttpServerRequest.HttpServerRequest
const Point = Schema.Struct({ x: Schema.Number, y: Schema.optional(Schema.Number) })
const Form = Schema.Struct({ a: Schema.String, b: Schema.optional(Schema.NumberFromString) })

const inspected = (request: HttpServerRequest.HttpServerRequest) =>
  HttpServerResponse.text(JSON.stringify(request).replace("::ffff:", ""))

const partsInWords = (part: Multipart.Part) =>
  part._tag === "Field"
    ? Effect.succeed(["field", part.key, part.contentType, part.value])
    : Effect.map(
      part.contentEffect,
      (content) => ["file", part.key, part.name, part.contentType, new TextDecoder().decode(content)]
    )

const persisted = Effect.gen(function*() {
  const form = yield* Effect.flatMap(current, (request) => request.multipart)
  const fs = yield* FileSystem.FileSystem
  const told: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(form)) {
    told[name] = Array.isArray(value)
      ? yield* Effect.forEach(value, (file: string | Multipart.PersistedFile) =>
        typeof file === "string"
          ? Effect.succeed([file])
          : Effect.map(fs.readFileString(file.path), (content) => [file.name, file.contentType, content]))
      : value
  }
  return json(told)
})

const all = <E, R>(path: `/${string}`, handler: HttpRouter.Route.Handler<E, R>) =>
  HttpRouter.makeRoute("*", path, handler)

const routes = [
  all("/text", Effect.map(Effect.flatMap(current, (request) => request.text), text)),
  all(
    "/text-twice",
    Effect.flatMap(
      current,
      (request) => Effect.map(Effect.all([request.text, request.text, request.json]), (all) => json(all))
    )
  ),
  all(
    "/text-at-once-twice",
    Effect.flatMap(
      current,
      (request) => Effect.map(Effect.all([request.text, request.text], { concurrency: 2 }), (all) => json(all))
    )
  ),
  all("/json", Effect.map(Effect.flatMap(current, (request) => request.json), (body) => json(body))),
  all(
    "/url-params",
    Effect.map(
      Effect.flatMap(current, (request) => request.urlParamsBody),
      (params) => json(params)
    )
  ),
  all(
    "/array-buffer",
    Effect.map(
      Effect.flatMap(current, (request) => request.arrayBuffer),
      (buffer) => HttpServerResponse.uint8Array(new Uint8Array(buffer))
    )
  ),
  all("/echo", Effect.map(current, (request) => HttpServerResponse.stream(request.stream))),
  all(
    "/count",
    Effect.flatMap(current, (request) =>
      Effect.map(
        Stream.runFold(request.stream, 0, (sum, part) => sum + part.length),
        (sum) => text(String(sum))
      ))
  ),
  all("/unread", Effect.succeed(text("unread"))),
  all("/schema-json", Effect.map(HttpServerRequest.schemaBodyJson(Point), (point) => json(point))),
  all("/schema-url", Effect.map(HttpServerRequest.schemaBodyUrlParams(Form), (form) => json(form))),
  all("/schema-form", Effect.map(HttpServerRequest.schemaBodyForm(Form), (form) => json(form))),
  all(
    "/schema-multipart",
    Effect.map(
      HttpServerRequest.schemaBodyMultipart(Schema.Struct({ a: Schema.String, file: Multipart.SingleFileSchema })),
      ({ a, file }) => json([a, file.name, file.contentType])
    )
  ),
  all(
    "/form-json",
    Effect.map(
      HttpServerRequest.schemaBodyFormJson(Point)("point"),
      (point) => json(point)
    )
  ),
  all(
    "/parts",
    Effect.flatMap(current, (request) =>
      Effect.map(
        Stream.runCollect(Stream.mapEffect(request.multipartStream, partsInWords)),
        (parts) => json([...parts])
      ))
  ),
  all("/persisted", persisted),
  all(
    "/file-size",
    Effect.flatMap(
      HttpServerRequest.schemaBodyMultipart(Schema.Struct({ file: Multipart.SingleFileSchema })),
      ({ file }) =>
        Effect.flatMap(FileSystem.FileSystem, (fs) => Effect.map(fs.stat(file.path), ({ size }) => text(String(size))))
    )
  ),
  all("/few-parts", Multipart.withMaxParts(persisted, Option.some(1))),
  all("/small-fields", Multipart.withMaxFieldSize(persisted, 3)),
  all("/small-files", Multipart.withMaxFileSize(persisted, Option.some(3))),
  all("/small-forms", HttpServerRequest.withMaxBodySize(persisted, Option.some(10))),
  all(
    "/limited",
    Effect.flatMap(current, (request) => request.text).pipe(
      HttpServerRequest.withMaxBodySize(Option.some(5)),
      Effect.map(text)
    )
  ),
  all(
    "/limited-bytes",
    Effect.flatMap(current, (request) => request.arrayBuffer).pipe(
      HttpServerRequest.withMaxBodySize(Option.some(5)),
      Effect.map((buffer) => text(String(buffer.byteLength)))
    )
  ),
  all(
    "/limit-caught",
    Effect.flatMap(current, (request) => request.text).pipe(
      HttpServerRequest.withMaxBodySize(Option.some(5)),
      Effect.match({ onFailure: (error) => text(`${error._tag} ${error.reason}`), onSuccess: text })
    )
  ),
  all("/headers", Effect.map(current, (request) => json(Object.entries(request.headers).sort()))),
  all("/cookies", Effect.map(current, (request) => json(request.cookies))),
  all(
    "/schema-headers",
    Effect.map(
      HttpServerRequest.schemaHeaders(Schema.Struct({ "x-n": Schema.NumberFromString })),
      (headers) => json(headers)
    )
  ),
  all(
    "/schema-cookies",
    Effect.map(
      HttpServerRequest.schemaCookies(Schema.Struct({ n: Schema.NumberFromString })),
      (cookies) => json(cookies)
    )
  ),
  all(
    "/schema-search",
    Effect.map(
      HttpServerRequest.schemaSearchParams(Schema.Struct({ n: Schema.NumberFromString })),
      (found) => json(found)
    )
  ),
  all(
    "/url",
    Effect.map(
      current,
      (request) => json([String(Option.getOrNull(HttpServerRequest.toURL(request))), request.toString()])
    )
  ),
  all("/inspect", Effect.map(current, (request) => inspected(request))),
  all("/inspect-read", Effect.flatMap(current, (request) => Effect.map(request.text, () => inspected(request)))),
  all(
    "/modified",
    Effect.map(current, (request) => {
      const modified = request.modify({ url: "/other", headers: request.headers, remoteAddress: "10.0.0.1" })
      return json([modified.url, modified.originalUrl, modified.method, Option.getOrNull(modified.remoteAddress)])
    })
  ),
  all(
    "/to-web",
    Effect.flatMap(
      Effect.flatMap(current, HttpServerRequest.toWeb),
      (web) => Effect.promise(async () => json([web.method, web.url, [...web.headers], await web.text()]))
    )
  ),
  all(
    "/from-web",
    HttpApp.fromWebHandler(async (web) =>
      new Response(`${web.method} ${await web.text()}`, { status: 201, headers: { "x-web": "1" } })
    )
  ),
  all("/from-web-stream", HttpApp.fromWebHandler((web) => Promise.resolve(new Response(web.body)))),
  all("/from-web-fails", HttpApp.fromWebHandler(() => Promise.reject(new Error("web"))))
]

const multipart = (
  ...parts: ReadonlyArray<readonly [disposition: string, type: string | undefined, content: string]>
) =>
  parts.map(([disposition, type, content]) =>
    `--b\r\nContent-Disposition: form-data; ${disposition}\r\n${
      type === undefined ? "" : `Content-Type: ${type}\r\n`
    }\r\n${content}\r\n`
  ).join("") + "--b--\r\n"

const form = multipart(
  ["name=\"a\"", undefined, "a value"],
  ["name=\"file\"; filename=\"ä.txt\"", "text/plain", "content"]
)
const asForm = { headers: { "Content-Type": "multipart/form-data; boundary=b" } }
const asUrl = { headers: { "Content-Type": "application/x-www-form-urlencoded" } }
const formPaths = ["/schema-form", "/schema-multipart", "/parts", "/persisted"]
const large = "0123456789abcdef".repeat(20_000)
const ways = [
  "/text",
  "/text-twice",
  "/text-at-once-twice",
  "/json",
  "/url-params",
  "/array-buffer",
  "/echo",
  "/count",
  "/unread",
  "/inspect"
]

export const bodies: Scene = {
  name: "requests",
  app: HttpServer.serve(HttpRouter.fromIterable(routes)),
  exchanges: [
    ...ways.map((path) => post(path, "[1,\"ä\"]", { title: `${path} with a length` })),
    ...ways.map((path) => request("POST", path, { chunks: ["[1,", "\"ä\"", "]"], title: `${path} in chunks` })),
    ...ways.map((path) => post(path, "", { title: `${path} of nothing` })),
    ...ways.map((path) => request("POST", path, { title: `${path} without a body` })),
    ...ways.map((path) => get(path)),
    ...["/echo", "/count", "/text"].map((path) => post(path, large, { title: `${path} of much` })),
    post("/unread", large, { title: "/unread of much", decisions: ["leftoverEndsConnection"] }),
    ...["/echo", "/count", "/text"].map((path) =>
      request("PUT", path, {
        chunks: [large, "", large].filter((chunk) => chunk !== ""),
        title: `${path} of much in chunks`
      })
    ),
    ...["{", "nul", "\u0000"].map((body) => post("/json", body, { title: `/json of ${JSON.stringify(body)}` })),
    ...["/text", "/url-params", "/json", "/array-buffer"].map((path) =>
      post(path, "\ufeff{}", { title: `${path} with a byte order mark` })
    ),
    postJson("/schema-json", { x: 1, y: 2 }),
    postJson("/schema-json", { x: "1" }, { title: "/schema-json of nonsense" }),
    post("/schema-json", "", { title: "/schema-json of nothing" }),
    post("/schema-url", "a=1&b=2", asUrl),
    post("/schema-url", "b=x", { ...asUrl, title: "/schema-url of nonsense" }),
    post("/schema-form", "a=1&b=2", asUrl),
    post("/form-json", `point=${encodeURIComponent("{\"x\":1}")}`, asUrl),
    post("/form-json", multipart(["name=\"point\"", undefined, "{\"x\":1}"]), {
      ...asForm,
      title: "/form-json multipart"
    }),
    post("/form-json", "other=1", { ...asUrl, title: "/form-json without its field" }),
    ...formPaths.map((path) => post(path, form, { ...asForm, title: `${path} multipart` })),
    ...formPaths.map((path) =>
      post(path, multipart(["name=\"a\"", undefined, "1"]), { ...asForm, title: `${path} of one field` })
    ),
    post("/file-size", multipart(["name=\"file\"; filename=\"a\"", undefined, "x".repeat(11 * 1024 * 1024)]), {
      ...asForm,
      title: "a form of more than may be read whole"
    }),
    ...["/few-parts", "/small-forms"].map((path) => post(path, form, asForm)),
    ...["/small-fields", "/small-files"].map((path) =>
      post(path, form, { ...asForm, decisions: ["formLimitsAreTold"] })
    ),
    post("/inspect", "text", { headers: { "Content-Type": "text/plain" }, title: "/inspect of text" }),
    post("/inspect-read", "text", {
      headers: { "Content-Type": "text/plain" },
      title: "/inspect-read of text",
      decisions: ["inspectionReadsNothing"]
    }),
    get("/headers", {
      headers: [
        ["X-A", "1"],
        ["x-a", "2"],
        ["Cookie", "a=1"],
        ["cookie", "b=2"],
        ["User-Agent", "one"],
        ["user-agent", "two"],
        ["Accept", "*/*"],
        ["constructor", "own"],
        ["__proto__", "own"],
        ["X-Latin", "gr\u00fc\u00dfe"],
        ["X-Empty", ""]
      ]
    }),
    get("/headers", {
      headers: { Authorization: "Bearer x", Referer: "r", Range: "bytes=0-" },
      title: "/headers of one"
    }),
    get("/cookies", { headers: { Cookie: "a=1; b=%20; c=\"q\"; d; a=2" } }),
    get("/schema-headers", { headers: { "X-N": "1" } }),
    get("/schema-headers", { headers: { "X-N": "x" }, title: "/schema-headers of nonsense" }),
    get("/schema-cookies", { headers: { Cookie: "n=1" } }),
    get("/schema-cookies", { title: "/schema-cookies without" }),
    get("/schema-search?n=1"),
    get("/schema-search?n=x"),
    get("/url?a=b"),
    get("/url", {
      headers: { "X-Forwarded-Proto": "https" },
      title: "/url forwarded",
      decisions: ["nobodySaysTheScheme"]
    }),
    get(`/unread?${"x".repeat(12_000)}`, { title: "a long URL" }),
    get("/unread", { headers: { Cookie: `a=${"x".repeat(12_000)}` }, title: "a long cookie" }),
    get("/inspect-read"),
    get("/modified"),
    post("/to-web", "body"),
    get("/to-web?q"),
    post("/from-web", "body"),
    head("/from-web"),
    request("POST", "/from-web-stream", { chunks: ["one", "two"] }),
    get("/from-web-fails"),
    ...["/limited", "/limited-bytes", "/limit-caught"].flatMap((path) => {
      const decisions: ReadonlyArray<DecisionName> = [
        "tooLargeIsAnswered",
        ...path === "/limit-caught" ? ["scopesAlwaysClose" as const] : []
      ]
      return [
        post(path, "12345", { title: `${path}, just fits` }),
        post(path, "123456", { title: `${path}, too long`, decisions }),
        request("POST", path, { chunks: ["123", "456"], title: `${path}, too long in chunks`, decisions })
      ]
    }),
    post("/text", new Uint8Array(10_485_761), {
      title: "more than the limit by default",
      decisions: ["bodiesAreBounded"]
    }),
    post("/text", "body", { headers: { Expect: "100-continue" }, title: "expects 100" }),
    post("/unread", "body", {
      headers: { Expect: "100-continue" },
      title: "expects 100, unread",
      decisions: ["continueIsLazy"]
    }),
    post("/text", "body", { version: "1.0", title: "HTTP/1.0" }),
    post("/echo", "body", { version: "1.0", title: "HTTP/1.0 echo" })
  ]
}
