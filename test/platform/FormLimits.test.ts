/** What a form may have, by number and in bytes; and that every file of it keeps its own contents. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Multipart from "@effect/platform/Multipart"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as path from "node:path"
import { TsgiHttpServer } from "tsgi/effect"
import { kinds, nothingSeen, serve } from "./scene.js"

const field = (key: string, value: string) => `--b\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`
const file = (key: string, name: string, content: string) =>
  `--b\r\nContent-Disposition: form-data; name="${key}"; filename="${name}"\r\n\r\n${content}\r\n`
const form = (...parts: ReadonlyArray<string>) => `${parts.join("")}--b--\r\n`
const times = (count: number, part: string) => Array.from({ length: count }, () => part)

type Reading = Effect.Effect<
  unknown,
  Multipart.MultipartError,
  Effect.Effect.Context<HttpServerRequest.HttpServerRequest["multipart"]>
>
type Within = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

const readers: Readonly<Record<string, (request: HttpServerRequest.HttpServerRequest) => Reading>> = {
  multipart: (request) => request.multipart,
  multipartStream: (request) =>
    Stream.runForEach(request.multipartStream, (part) => part._tag === "File" ? part.contentEffect : Effect.void)
}

/** The status that a form is answered with where failures are left to the platform, and what they say. */
const answered = (
  reader: string,
  body: string,
  forms: TsgiHttpServer.DoorOptions["forms"] = {},
  within: Within = identity
) =>
  Effect.gen(function*() {
    const messages: Array<string> = []
    const handler = HttpServerRequest.HttpServerRequest.pipe(
      Effect.flatMap((request) => within(readers[reader](request))),
      Effect.tapError((error) => Effect.sync(() => messages.push(error.message))),
      Effect.as(HttpServerResponse.text("read")),
      Effect.provide(TsgiHttpServer.layerContext),
      Effect.orDie
    )
    const scene = yield* serve(kinds.HttpApp(handler), nothingSeen(), { memory: true, door: { forms } })
    const client = yield* Effect.acquireRelease(
      Effect.promise(scene.connect),
      (client) => Effect.sync(() => client.close())
    )
    client.send(Buffer.from(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n" +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    ))
    const response = yield* Effect.promise(() => client.response())
    return [response.status, ...messages]
  })

for (const reader of Object.keys(readers)) {
  describe(reader, () => {
    const holds = (
      what: string,
      most: string,
      more: string,
      message: string,
      forms?: TsgiHttpServer.DoorOptions["forms"],
      within?: Within
    ) =>
      it.scoped(what, () =>
        Effect.gen(function*() {
          assert.deepStrictEqual(yield* answered(reader, most, forms, within), [200])
          assert.deepStrictEqual(yield* answered(reader, more, forms, within), [413, message])
        }))

    holds(
      "1000 fields",
      form(...times(1000, field("a", "1"))),
      form(...times(1001, field("a", "1"))),
      "TooManyParts: the form has more than 1000 fields (forms.maxFields)"
    )
    holds(
      "100 files",
      form(...times(100, file("a", "a", "1"))),
      form(...times(101, file("a", "a", "1"))),
      "TooManyParts: the form has more than 100 files (forms.maxFiles)"
    )
    holds(
      "10 MiB of fields together",
      form(...times(10, field("a", "x".repeat(1_048_576)))),
      form(...times(10, field("a", "x".repeat(1_048_576))), field("b", "1")),
      "FieldTooLarge: the form has more than 10485760 bytes of fields (forms.maxFieldsSize)"
    )
    holds(
      "fields as the option says",
      form(...times(2, field("a", "1")), file("a", "a", "1")),
      form(...times(3, field("a", "1"))),
      "TooManyParts: the form has more than 2 fields (forms.maxFields)",
      { maxFields: 2 }
    )
    holds(
      "files as the option says",
      form(field("a", "1"), file("a", "a", "1")),
      form(...times(2, file("a", "a", "1"))),
      "TooManyParts: the form has more than 1 files (forms.maxFiles)",
      { maxFiles: 1 }
    )
    holds(
      "bytes of fields as the option says, whichever field they are in",
      form(field("a", "12345"), field("b", "67890"), file("a", "a", "x".repeat(1000))),
      form(field("a", "12345678901")),
      "FieldTooLarge: the form has more than 10 bytes of fields (forms.maxFieldsSize)",
      { maxFieldsSize: 10 }
    )
    holds(
      "a form of so many bytes as the option says",
      form(file("a", "a", "x".repeat(1000))),
      form(file("a", "a", "x".repeat(2000))),
      "BodyTooLarge: the form has more than 1500 bytes (forms.maxTotalSize)",
      { maxTotalSize: 1500 }
    )
    holds(
      "MaxParts goes before the numbers of fields and files",
      form(...times(3, field("a", "1")), ...times(3, file("a", "a", "1"))),
      form(...times(4, field("a", "1")), ...times(3, file("a", "a", "1"))),
      "TooManyParts: the form has more than 6 parts (Multipart.MaxParts)",
      { maxFields: 2, maxFiles: 2 },
      Multipart.withMaxParts(Option.some(6))
    )
    holds(
      "a MaxFieldSize that is provided lifts the sum",
      form(field("a", "x".repeat(100))),
      form(field("a", "x".repeat(50)), field("a", "x".repeat(51))),
      "FieldTooLarge: the form has more than 100 bytes of fields (Multipart.MaxFieldSize)",
      { maxFieldsSize: 10 },
      Multipart.withMaxFieldSize(100)
    )
    holds(
      "MaxFieldSize of each field",
      form(...times(3, field("a", "x".repeat(10)))),
      form(field("a", "x".repeat(11))),
      "FieldTooLarge: the form has more than 10 bytes in a field (Multipart.MaxFieldSize)",
      {},
      Multipart.withMaxFieldSize(10)
    )
    holds(
      "MaxFileSize of each file, whatever fields are before it",
      form(field("a", "x".repeat(1000)), file("a", "a", "x".repeat(100)), file("a", "a", "x".repeat(100))),
      form(file("a", "a", "x".repeat(101))),
      "FileTooLarge: the form has more than 100 bytes in a file (Multipart.MaxFileSize)",
      {},
      Multipart.withMaxFileSize(Option.some(100))
    )
    holds(
      "MaxBodySize goes before the total",
      form(file("a", "a", "x".repeat(100))),
      form(file("a", "a", "x".repeat(1000))),
      "BodyTooLarge: the form has more than 500 bytes (MaxBodySize)",
      { maxTotalSize: 10 },
      HttpServerRequest.withMaxBodySize(Option.some(500))
    )

    it.scoped("Infinity is no bound", () =>
      Effect.gen(function*() {
        const body = form(...times(2000, field("a", "1")), ...times(120, file("a", "a", "1")))
        const forms = { maxFields: Infinity, maxFiles: Infinity, maxFieldsSize: Infinity }
        assert.deepStrictEqual(yield* answered(reader, body, forms), [200])
      }))
  })
}

/** The persisted form, with the contents of its files in their place, and the names of these on the disk. */
const persisted = (body: string) =>
  Effect.gen(function*() {
    const places: Array<string> = []
    const handler = Effect.gen(function*() {
      const files = yield* FileSystem.FileSystem
      const request = yield* HttpServerRequest.HttpServerRequest
      const found = yield* request.multipart
      const contents = yield* Effect.forEach(Object.entries(found), ([key, values]) =>
        typeof values === "string" ? Effect.succeed([key, values]) : Effect.map(
          Effect.forEach(values, (value): Effect.Effect<unknown, unknown> => {
            if (typeof value === "string") {
              return Effect.succeed(value)
            }
            assert.isTrue(Multipart.isPersistedFile(value))
            places.push(value.path)
            return Effect.map(files.readFileString(value.path), (content) => [value.name, content])
          }),
          (all) => [key, all]
        ))
      return HttpServerResponse.unsafeJson(contents)
    }).pipe(Effect.provide(TsgiHttpServer.layerContext), Effect.orDie)
    const scene = yield* serve(kinds.HttpApp(handler), nothingSeen(), { memory: true })
    const client = yield* Effect.acquireRelease(
      Effect.promise(scene.connect),
      (client) =>
        Effect.sync(() =>
          client.close()
        )
    )
    client.send(Buffer.from(
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n" +
        `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    ))
    const response = yield* Effect.promise(() => client.response())
    assert.strictEqual(response.status, 200, response.body.toString())
    const found: unknown = JSON.parse(response.body.toString())
    assert.strictEqual(new Set(places.map((place) => path.dirname(place))).size, places.length === 0 ? 0 : 1)
    return [found, places.map((place) => path.basename(place))]
  })

it.scoped("files of one name, in one field and in another: each has its own contents", () =>
  Effect.gen(function*() {
    const body = form(
      file("a", "x.txt", "first"),
      file("a", "x.txt", "second"),
      file("b", "x.txt", "third"),
      file("b", "X.TXT", "fourth"),
      file("b", "4-x.txt", "fifth")
    )
    assert.deepStrictEqual(yield* persisted(body), [
      [
        ["a", [["x.txt", "first"], ["x.txt", "second"]]],
        ["b", [["x.txt", "third"], ["X.TXT", "fourth"], ["4-x.txt", "fifth"]]]
      ],
      ["x.txt", "2-x.txt", "3-x.txt", "4-X.TXT", "5-4-x.txt"]
    ])
  }))

it.scoped("fields of one name: each has its value, also where an object has something of that name", () =>
  Effect.gen(function*() {
    const body = form(field("a", "1"), field("a", "2"), field("a", "3"), field("constructor", "4"), field("b", "5"))
    assert.deepStrictEqual(yield* persisted(body), [[["a", ["1", "2", "3"]], ["constructor", "4"], ["b", "5"]], []])
  }))

it.scoped("names of files that no file can have", () =>
  Effect.gen(function*() {
    const names = ["..", ".", "../../etc/passwd", "a/", "a\\b.txt", `${"ж".repeat(300)}.txt`]
    const [found, places] = yield* persisted(form(...names.map((name) => file("a", name, name))))
    assert.deepStrictEqual(found, [["a", names.map((name) => [name, name])]])
    assert.deepStrictEqual(places, [
      "file",
      "2-file",
      "passwd",
      "4-file",
      "b.txt",
      `${"ж".repeat(98)}.txt`
    ])
  }))

it.scoped("names in any script, of fields and of files", () =>
  Effect.gen(function*() {
    const body = form(
      file("документ", "отчёт.txt", "1"),
      field("имя", "Анна"),
      field("a", "2"),
      file("é", "é.txt", "3"),
      file("b", "a \\\"b\\\" ; c=д.txt", "4")
    )
    assert.deepStrictEqual(yield* persisted(body), [
      [
        ["документ", [["отчёт.txt", "1"]]],
        ["имя", "Анна"],
        ["a", "2"],
        ["é", [["é.txt", "3"]]],
        ["b", [["a \\\"b\\\" ; c=д.txt", "4"]]]
      ],
      ["отчёт.txt", "é.txt", "\" ; c=д.txt"]
    ])
  }))

it.scoped("where no file was chosen there is none", () =>
  Effect.gen(function*() {
    assert.deepStrictEqual(yield* persisted(form(file("a", "", ""), field("b", "1"))), [[["b", "1"]], []])
  }))
