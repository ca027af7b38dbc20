/**
 * The bounds on a form of several parts, in number and bytes, for every way to read it at both doors.
 *
 * The family: the number of fields and of files, bytes of fields, bytes of the whole form; at the bound, above it, with the bound
 * lowered and lifted; with a length and in chunks. Bounds that only one door has are beside its own tests.
 */
import * as Effect from "effect/Effect"
import type { TsgiHttpServer } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import { answeredByEffect, answeredByFetchApp, field, file, form, readers, times } from "./formScene.js"

type Forms = TsgiHttpServer.DoorOptions["forms"]

interface Answered {
  readonly status: number
  readonly read: ReadonlyArray<unknown>
}

/** The kinds of failure that the platform's readers tell apart. */
type Kind = "TooManyParts" | "FieldTooLarge" | "BodyTooLarge"

interface Reader {
  readonly codings: ReadonlyArray<string>
  readonly answered: (body: string, forms: Forms, coding: string) => Promise<Answered>
  readonly says: (kind: Kind, message: string) => string
}

const both = ["length", "chunks"]

const byEffect = (reader: typeof readers[keyof typeof readers], codings: ReadonlyArray<string>): Reader => ({
  codings,
  answered: (body, forms, coding) =>
    Effect.runPromise(Effect.scoped(answeredByEffect(reader, body, forms, undefined, coding))),
  says: (kind, message) => `${kind}: ${message}`
})

const ways: Readonly<Record<string, Reader>> = {
  "formData of plain TypeScript": {
    codings: both,
    answered: answeredByFetchApp,
    says: (kind, message) =>
      kind === "BodyTooLarge"
        // the form is read whole before it is parsed
        ? "TooLarge: the body is longer than 1500 bytes, the most that is read whole; raise forms.maxTotalSize, or read the body as a stream"
        : `TooLarge: ${message}`
  },
  // this reader writes each file to disk, and for that reads the other's stream
  "multipart of the Effect door": byEffect(readers.multipart, ["length"]),
  "multipartStream of the Effect door": byEffect(readers.multipartStream, both)
}

interface Row {
  readonly what: string
  readonly most: string
  readonly more: string
  readonly kind: Kind
  readonly message: string
  readonly forms?: Forms
}

const rows: ReadonlyArray<Row> = [
  {
    what: "1000 fields",
    most: form(...times(1000, field("a", "1"))),
    more: form(...times(1001, field("a", "1"))),
    kind: "TooManyParts",
    message: "the form has more than 1000 fields (forms.maxFields)"
  },
  {
    what: "100 files",
    most: form(...times(100, file("a", "a", "1"))),
    more: form(...times(101, file("a", "a", "1"))),
    kind: "TooManyParts",
    message: "the form has more than 100 files (forms.maxFiles)"
  },
  {
    what: "fields as the option says",
    most: form(...times(2, field("a", "1")), file("a", "a", "1")),
    more: form(...times(3, field("a", "1"))),
    kind: "TooManyParts",
    message: "the form has more than 2 fields (forms.maxFields)",
    forms: { maxFields: 2 }
  },
  {
    what: "files as the option says",
    most: form(field("a", "1"), file("a", "a", "1")),
    more: form(...times(2, file("a", "a", "1"))),
    kind: "TooManyParts",
    message: "the form has more than 1 files (forms.maxFiles)",
    forms: { maxFiles: 1 }
  },
  {
    what: "bytes of fields as the option says, whichever field they are in",
    most: form(field("a", "12345"), field("b", "67890"), file("a", "a", "x".repeat(1000))),
    more: form(field("a", "123456"), field("b", "78901")),
    kind: "FieldTooLarge",
    message: "the form has more than 10 bytes of fields (forms.maxFieldsSize)",
    forms: { maxFieldsSize: 10 }
  },
  {
    what: "one field of more bytes than that, before its end",
    most: form(field("a", "x".repeat(100_000))),
    more: form(field("a", "x".repeat(1_000_000))),
    kind: "FieldTooLarge",
    message: "the form has more than 100000 bytes of fields (forms.maxFieldsSize)",
    forms: { maxFieldsSize: 100_000 }
  },
  {
    what: "a form of so many bytes as the option says",
    most: form(file("a", "a", "x".repeat(1000))),
    more: form(file("a", "a", "x".repeat(2000))),
    kind: "BodyTooLarge",
    message: "the form has more than 1500 bytes (forms.maxTotalSize)",
    forms: { maxTotalSize: 1500 }
  }
]

describe.each(Object.entries(ways))("%s", (_, { answered, codings, says }) => {
  describe.each(codings)("with %s", (coding) => {
    it.each(rows.map((row) => [row.what, row] as const))("%s", async (_, { forms, kind, message, more, most }) => {
      expect((await answered(most, forms, coding)).status).toBe(200)
      expect(await answered(more, forms, coding)).toEqual({ status: 413, read: [says(kind, message)] })
    })

    it("Infinity is no bound", async () => {
      const body = form(...times(2000, field("a", "1")), ...times(120, file("a", "a", "1")))
      const forms = { maxFields: Infinity, maxFiles: Infinity, maxFieldsSize: Infinity }
      expect((await answered(body, forms, coding)).status).toBe(200)
    })
  })
})
