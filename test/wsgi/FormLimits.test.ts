/**
 * What only the plain door's `formData` does with a form of several parts: the form is not parsed beyond its bounds,
 * `limits.wholeBody` bounds it too, and the result is that of the fetch standard's own method. `doors/FormLimits.long.test.ts`
 * has the bounds themselves, over both doors.
 */
import { Buffer } from "node:buffer"
import { fetchApp, OptionError, server } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import {
  answeredByFetchApp,
  boundary,
  contentType,
  entriesOf,
  field,
  file,
  form,
  posted,
  times
} from "../doors/formScene.js"
import { withServer } from "../utils/serving.js"

it.each(["length", "chunks"])("limits.wholeBody bounds a form that has no other bound, with %s", async (coding) => {
  const body = form(...times(2000, field("a", "1")), ...times(120, file("a", "a", "1")))
  const forms = { maxFields: Infinity, maxFiles: Infinity, maxFieldsSize: Infinity }
  const { read, status } = await answeredByFetchApp(body, forms, coding, { limits: { wholeBody: 1000 } })
  expect(status).toBe(413)
  expect(String(read)).toContain("limits.wholeBody")
})

it("10 MiB of tiny parts, or of fields of one part, are not parsed to their end", async () => {
  const size = 10_485_000
  const endless = `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n${
    "a:b\r\n".repeat(size / 5 - 100)
  }\r\nx\r\n`
  const before = process.cpuUsage()
  expect((await answeredByFetchApp(form(times(size / 70, field("a", "")).join("")))).status).toBe(413)
  expect(await answeredByFetchApp(form(endless))).toEqual({
    status: 500,
    read: ["the form is malformed: the fields of a part are malformed: TooManyHeaders"]
  })
  const { system, user } = process.cpuUsage(before)
  // this is the processor time of client and server together, in seconds; it was 4 s when everything was parsed
  expect((user + system) / 1e6).toBeLessThan(2)
})

it("a clone that reads too much does not wait for the request it was made of", async () => {
  const app = fetchApp(async (request) => {
    const clone = request.clone()
    await Promise.all([request.formData(), clone.formData()])
    return new Response("read")
  })
  await withServer(app, { memory: true, forms: { maxFields: 1 } }, async ({ ask }) => {
    expect((await ask(posted(form(field("a", "1"), field("b", "1"))))).status).toBe(413)
  })
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
    expect(await answeredByFetchApp(body)).toEqual({ status: 200, read: await entriesOf(standard) })
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
    const { read, status } = await answeredByFetchApp(body)
    expect(status).toBe(500)
    expect(String(read)).toContain("the form is malformed: ")
  })

  it("what follows its end is passed over", async () => {
    const body = `${form(field("a", "1"))}\r\n${times(5000, field("b", "1")).join("")}`
    expect(await answeredByFetchApp(body)).toEqual({ status: 200, read: [["a", "1"]] })
  })
})
