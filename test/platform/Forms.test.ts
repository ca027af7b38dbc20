/** Forms whose bodies fail, end too early or are not read: each of them is answered. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Multipart from "@effect/platform/Multipart"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/TestClock"
import { TsgiHttpServer } from "tsgi/effect"
import { turns } from "../utils/Journal.js"
import { kinds, nothingSeen, type SceneOptions, type Seen, serve } from "./scene.js"

const { HttpServerRequest: current } = HttpServerRequest

const readers: Readonly<Record<string, (request: HttpServerRequest.HttpServerRequest) => Reading>> = {
  persisted: (request) => Effect.map(request.multipart, (form) => Object.keys(form).join()),
  "read in turn": (request) => named(Stream.mapEffect(request.multipartStream, content)),
  "read side by side": (request) => named(Stream.mapEffect(request.multipartStream, content, { concurrency: 4 })),
  "left unread": (request) => named(Stream.map(request.multipartStream, (part) => part.key))
}

type Reading = Effect.Effect<
  string,
  Multipart.MultipartError,
  Effect.Effect.Context<HttpServerRequest.HttpServerRequest["multipart"]>
>

const content = (part: Multipart.Part) =>
  part._tag === "Field"
    ? Effect.succeed(part.key)
    : Effect.as(Effect.delay(part.contentEffect, 0), part.key)

const named = <E, R>(keys: Stream.Stream<string, E, R>) => Effect.map(Stream.runCollect(keys), (all) => [...all].join())

const reading = (seen: Seen, read: (request: HttpServerRequest.HttpServerRequest) => Reading) =>
  Effect.flatMap(current, (request) => read(request)).pipe(
    Effect.map((text) => HttpServerResponse.text(text)),
    Effect.ensuring(Effect.sync(() => seen.lines.push("handler over"))),
    Effect.provide(TsgiHttpServer.layerContext),
    Effect.orDie
  )

const talk = (reader: string, seen: Seen, options: SceneOptions = {}, limit = Infinity) =>
  Effect.gen(function*() {
    const handler = Multipart.withMaxFileSize(
      reading(seen, readers[reader]),
      limit === Infinity ? Option.none() : Option.some(limit)
    )
    const scene = yield* serve(kinds.HttpApp(handler), seen, { memory: true, ...options })
    return yield* Effect.acquireRelease(Effect.promise(scene.connect), (client) => Effect.sync(() => client.close()))
  })

const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
const sized = (length: number) => `${head}Content-Length: ${length}\r\n\r\n`
const chunked = `${head}Transfer-Encoding: chunked\r\n\r\n`
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`
const opening = (key: string, name = `${key}.txt`) =>
  `--b\r\nContent-Disposition: form-data; name="${key}"; filename="${name}"\r\nContent-Type: text/plain\r\n\r\n`
const file = (key: string, length: number, name?: string) => `${opening(key, name)}${"x".repeat(length)}\r\n`
const form = (...parts: ReadonlyArray<string>) => `${parts.join("")}--b--\r\n`

for (const reader of Object.keys(readers)) {
  describe(reader, () => {
    it.scoped("a file that stops coming: 408", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen)
        client.send(sized(100_000) + opening("a") + "x".repeat(5000))
        // the deadline is that of a read that begins after the disk has written
        const waiting = yield* Effect.fork(Effect.forever(TestClock.adjust("31 seconds")))
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 408)
        yield* Fiber.interrupt(waiting)
        const [record] = yield* Effect.promise(() => seen.records.first(1))
        assert.deepInclude(record.outcome, { _tag: "Aborted", reason: "ReadTimeout", status: 408 })
      }))

    it.scoped("a client that resets within a file: the handler ends", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen, { memory: false, door: { interruptOnDisconnect: false } })
        client.send(sized(100_000) + opening("a") + "x".repeat(5000))
        yield* Effect.promise(() => turns(50))
        client.reset()
        yield* Effect.promise(() => seen.lines.find((line) => line === "handler over"))
        const [record] = yield* Effect.promise(() => seen.records.first(1))
        assert.deepInclude(record.outcome, { _tag: "Aborted", reason: "ClientGone" })
      }))

    it.scoped("half a file, and the end of what is sent: 400", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen, { config: { halfClose: "answer" } })
        client.send(sized(100_000) + opening("a") + "x".repeat(5000))
        client.end()
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 400)
      }))

    it.scoped("a malformed chunk within a file: 400", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen)
        client.send(`${chunked}${chunk(opening("a") + "x".repeat(5000))}nonsense\r\n`)
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 400)
      }))

    it.scoped("a body limit that is passed within a file: 413", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen, { config: { limits: { body: 1000 } } })
        client.send(`${chunked}${chunk(opening("a") + "x".repeat(500))}${chunk("x".repeat(500))}`)
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 413)
      }))

    it.scoped("a limit of files that is passed, in one piece or in several: 413", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen, {}, 1000)
        const body = form(file("a", 5000))
        client.send(sized(body.length) + body)
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 413)
        client.send(chunked + chunk(opening("a")) + chunk("x".repeat(500)) + chunk("x".repeat(5000)))
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 413)
      }))

    for (
      const [what, body] of Object.entries({
        "nothing at all": "",
        "no boundary": "no form",
        "no last boundary": file("a", 5000),
        "a part without a name": form("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n"),
        "a part whose fields are none": form("--b\r\nContent Disposition\r\n\r\nx\r\n"),
        "a name that cannot be read": form(
          "--b\r\nContent-Disposition: form-data; name=\"a\"; filename*=UTF-8''%zz\r\n\r\nx\r\n"
        )
      })
    ) {
      it.scoped(`${what}: 400`, () =>
        Effect.gen(function*() {
          const seen = nothingSeen()
          const client = yield* talk(reader, seen)
          client.send(sized(body.length) + body)
          assert.strictEqual((yield* Effect.promise(() => client.response())).status, 400)
          assert.deepStrictEqual(seen.lines.entries.filter((line) => line.startsWith("Error")), [])
        }))
    }

    it.scoped("several files, large and small, whoever reads them", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen, { memory: false })
        const body = form(file("a", 1), file("b", 500_000), file("c", 0), file("d", 500_000), file("e", 10))
        client.send(sized(body.length) + body)
        const response = yield* Effect.promise(() => client.response())
        assert.deepStrictEqual([response.status, response.body.toString()], [200, "a,b,c,d,e"])
      }))

    it.scoped("a large file without a name, which is not persisted", () =>
      Effect.gen(function*() {
        const seen = nothingSeen()
        const client = yield* talk(reader, seen)
        const body = form(file("a", 500_000, ""), file("b", 1))
        client.send(sized(body.length) + body)
        assert.strictEqual((yield* Effect.promise(() => client.response())).status, 200)
      }))
  })
}

it.scoped("a file that was left unread says so when it is read too late", () =>
  Effect.gen(function*() {
    const seen = nothingSeen()
    const late = Effect.flatMap(current, (request) => Stream.runCollect(request.multipartStream)).pipe(
      Effect.flatMap((parts) =>
        Effect.forEach(parts, (part) =>
          part._tag === "File"
            ? Effect.match(part.contentEffect, {
              onFailure: (error) => String(error.cause),
              onSuccess: (bytes) => String(bytes.length)
            })
            : Effect.succeed(part.key))
      ),
      Effect.map((all) => HttpServerResponse.unsafeJson(all)),
      Effect.orDie
    )
    const scene = yield* serve(kinds.HttpApp(late), seen, { memory: true })
    const client = yield* Effect.promise(scene.connect)
    const body = form(file("a", 500_000), file("b", 1000))
    client.send(sized(body.length) + body)
    const response = yield* Effect.promise(() => client.response())
    assert.deepStrictEqual(JSON.parse(response.body.toString()), [
      "Error: the file \"a.txt\" was left unread when the next part was asked for",
      "1000"
    ])
  }))
