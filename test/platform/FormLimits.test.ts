/**
 * How the platform's own settings change the bounds on a form; and every file of a form keeps its own contents.
 * `doors/FormLimits.long.test.ts` has the bounds themselves, over both doors.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Multipart from "@effect/platform/Multipart"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as path from "node:path"
import { TsgiHttpServer } from "tsgi/effect"
import { answeredByEffect, field, file, form, posted, readers, times, type Within } from "../doors/formScene.js"
import { kinds, nothingSeen, serve } from "./scene.js"

for (const [name, reader] of Object.entries(readers)) {
  describe(name, () => {
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
          assert.deepStrictEqual(yield* answeredByEffect(reader, most, forms, within), { status: 200, read: [] })
          assert.deepStrictEqual(yield* answeredByEffect(reader, more, forms, within), {
            status: 413,
            read: [message]
          })
        }))

    holds(
      "10 MiB of fields together",
      form(...times(10, field("a", "x".repeat(1_048_576)))),
      form(...times(10, field("a", "x".repeat(1_048_576))), field("b", "1")),
      "FieldTooLarge: the form has more than 10485760 bytes of fields (forms.maxFieldsSize)"
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
  })
}

/** The persisted form with the contents of its files, and the names of these on disk. */
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
    client.send(posted(body))
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
