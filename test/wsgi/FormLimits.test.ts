/**
 * What a form of several parts may have, by number and in bytes, where a request of `fetchApp` reads it with `formData`; and that
 * such a form is the one that the fetch standard's own method makes of it. The Effect door has the same bounds: a test of the same
 * name beside its own tests holds them.
 *
 * The family: fields and files by number, fields in bytes, all in bytes; at the bound, above it, lowered, lifted and switched off;
 * with a length and in chunks; many parts, and one with fields without end, behind the end of the form too.
 */
import { Buffer } from "node:buffer"
import { fetchApp, OptionError, server, type ServerOptions } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { withServer } from "../utils/serving.js"

// Node 20 finds a short one within a line
const boundary = "edge0123456789"
const field = (name: string, value: string) =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
const file = (name: string, filename: string, content: string, type = "text/plain") =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`
const form = (...parts: ReadonlyArray<string>) => `${parts.join("")}--${boundary}--\r\n`
const times = (count: number, part: string) => Array.from({ length: count }, () => part)

const contentType = `multipart/form-data; boundary=${boundary}`

/** Entries of a form, with the contents of its files. */
const entriesOf = (form: FormData): Promise<ReadonlyArray<unknown>> =>
  Promise.all(
    [...form].map(async ([name, value]) =>
      typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]
    )
  )

/** The status that a form is answered with, what was read, or why it was not. */
const answered = async (
  body: string,
  forms: ServerOptions["forms"] = {},
  coding = "length",
  more: ServerOptions = {}
) => {
  const read: Array<unknown> = []
  let status = 0
  const app = fetchApp(async (request) => {
    try {
      read.push(...await entriesOf(await request.formData()))
    } catch (error) {
      read.push(error instanceof Error ? error.message : error)
      throw error
    }
    return new Response("read")
  })
  await withServer(app, { forms, ...more }, async ({ connect }) => {
    const client = await connect()
    const bytes = Buffer.from(body)
    const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${contentType}\r\n`
    if (coding === "length") client.send(`${head}Content-Length: ${bytes.length}\r\n\r\n`)
    else client.send(`${head}Transfer-Encoding: chunked\r\n\r\n${bytes.length.toString(16)}\r\n`)
    client.send(bytes)
    if (coding !== "length") client.send("\r\n0\r\n\r\n")
    status = (await client.response()).status
  })
  return { status, read }
}

describe.each(["length", "chunks"])("with %s", (coding) => {
  const holds = (what: string, most: string, more: string, message: string, forms: ServerOptions["forms"] = {}) =>
    it(what, async () => {
      expect((await answered(most, forms, coding)).status).toBe(200)
      expect(await answered(more, forms, coding)).toEqual({ status: 413, read: [`TooLarge: ${message}`] })
    })

  holds(
    "1000 fields",
    form(...times(1000, field("a", "1"))),
    form(...times(1001, field("a", "1"))),
    "the form has more than 1000 fields (forms.maxFields)"
  )
  holds(
    "100 files",
    form(...times(100, file("a", "a", "1"))),
    form(...times(101, file("a", "a", "1"))),
    "the form has more than 100 files (forms.maxFiles)"
  )
  holds(
    "fields as the option says",
    form(...times(2, field("a", "1")), file("a", "a", "1")),
    form(...times(3, field("a", "1"))),
    "the form has more than 2 fields (forms.maxFields)",
    { maxFields: 2 }
  )
  holds(
    "files as the option says",
    form(field("a", "1"), file("a", "a", "1")),
    form(...times(2, file("a", "a", "1"))),
    "the form has more than 1 files (forms.maxFiles)",
    { maxFiles: 1 }
  )
  holds(
    "bytes of fields as the option says, whichever field they are in",
    form(field("a", "12345"), field("b", "67890"), file("a", "a", "x".repeat(1000))),
    form(field("a", "123456"), field("b", "78901")),
    "the form has more than 10 bytes of fields (forms.maxFieldsSize)",
    { maxFieldsSize: 10 }
  )
  holds(
    "one field of more bytes than that, before its end",
    form(field("a", "x".repeat(100_000))),
    form(field("a", "x".repeat(1_000_000))),
    "the form has more than 100000 bytes of fields (forms.maxFieldsSize)",
    { maxFieldsSize: 100_000 }
  )
  holds(
    "a form of so many bytes as the option says",
    form(file("a", "a", "x".repeat(1000))),
    form(file("a", "a", "x".repeat(2000))),
    "the body is longer than 1500 bytes, the most that is read whole; raise forms.maxTotalSize, or read the body as a stream",
    { maxTotalSize: 1500 }
  )

  it("Infinity is no bound, and limits.wholeBody bounds the whole", async () => {
    const body = form(...times(2000, field("a", "1")), ...times(120, file("a", "a", "1")))
    const forms = { maxFields: Infinity, maxFiles: Infinity, maxFieldsSize: Infinity }
    expect((await answered(body, forms, coding)).status).toBe(200)
    const { read, status } = await answered(body, forms, coding, { limits: { wholeBody: 1000 } })
    expect(status).toBe(413)
    expect(String(read)).toContain("limits.wholeBody")
  })
})

it("10 MiB of tiny parts, or of fields of one part, are not parsed to their end", async () => {
  const size = 10_485_000
  const endless = `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n${
    "a:b\r\n".repeat(size / 5 - 100)
  }\r\nx\r\n`
  const before = process.cpuUsage()
  expect((await answered(form(times(size / 70, field("a", "")).join("")))).status).toBe(413)
  expect(await answered(form(endless))).toEqual({
    status: 500,
    read: ["the form is malformed: the fields of a part are malformed: TooManyHeaders"]
  })
  const { system, user } = process.cpuUsage(before)
  // seconds, client and server together; it was 4 s when all was parsed
  expect((user + system) / 1e6).toBeLessThan(2)
})

it("a clone that reads too much does not wait for the request it was made of", async () => {
  const app = fetchApp(async (request) => {
    const clone = request.clone()
    await Promise.all([request.formData(), clone.formData()])
    return new Response("read")
  })
  const memory = MemoryListener.make()
  await using running = server(memory.listener, app, { forms: { maxFields: 1 }, logOutput: false })
  await running.ready
  const client = memory.connect()
  const body = form(field("a", "1"), field("b", "1"))
  client.send(
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${contentType}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  )
  expect((await client.response()).status).toBe(413)
  client.close()
})

it("bad bounds are OptionErrors", () => {
  const app = fetchApp(() => new Response(""))
  for (
    const forms of [{ maxFields: -1 }, { maxFields: 1.5 }, { maxFieldsSize: NaN }, { maxFiles: 0.1 }, { maxParts: 1 }]
  ) {
    expect(() => server(MemoryListener.make().listener, app, { forms })).toThrow(OptionError)
  }
})

describe("is what the fetch standard makes of it", () => {
  const bodies: Readonly<Record<string, string>> = {
    "fields and files": form(field("a", "1"), file("f", "a.txt", "hello"), field("a", "2"), file("f", "b.txt", "")),
    "no part": form(),
    "text of many languages": form(field("naïve", "día ż 😀"), file("f", "файл.txt", "текст")),
    "lines, and what looks like a boundary": form(field("a", "1\r\n--c\r\n--\r\n-b\r\n\r\n"), field("b", "\r\n")),
    "escapes in names": form(field("a%22b%0D%0Ac%20", "1"), file("f%22", "%22.txt", "1")),
    "a type of a field": form(
      `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\nContent-Type: application/json\r\n\r\n{}\r\n`
    ),
    "a file input that was left empty": form(file("f", "", "", "application/octet-stream")),
    "types of files": form(file("f", "a", "1", "text/HTML; charset=utf-8"), file("f", "a", "1", "image/png")),
    "a long file": form(file("f", "long", "0123456789abcdef\r\n".repeat(20_000)))
  }
  it.each(Object.entries(bodies))("%s", async (_, body) => {
    const standard = await new Response(Buffer.from(body), { headers: { "Content-Type": contentType } }).formData()
    expect(await answered(body)).toEqual({ status: 200, read: await entriesOf(standard) })
  })

  const malformed: Readonly<Record<string, string>> = {
    "no boundary": "hello",
    "no end": field("a", "1"),
    "a part without a name": form(`--${boundary}\r\nContent-Disposition: form-data\r\n\r\nx\r\n`),
    "a part without a disposition": form(`--${boundary}\r\nContent-Type: text/plain\r\n\r\nx\r\n`),
    "a part whose fields are none": form(`--${boundary}\r\nContent Disposition\r\n\r\nx\r\n`),
    "nothing of a part": `--${boundary}\r\n`
  }
  it.each(Object.entries(malformed))("%s is a TypeError", async (_, body) => {
    const { read, status } = await answered(body)
    expect(status).toBe(500)
    expect(String(read)).toContain("the form is malformed: ")
  })

  it("what follows its end is passed over", async () => {
    const body = `${form(field("a", "1"))}\r\n${times(5000, field("b", "1")).join("")}`
    expect(await answered(body)).toEqual({ status: 200, read: [["a", "1"]] })
  })
})
