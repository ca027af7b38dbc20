/**
 * A response's head says to every client what the server means, or is refused. The family: each framing against each kind of
 * client and request, by a table and in every combination; heads that are refused, and the reasons; interim heads; and any other
 * value from an application.
 */
import * as fc from "fast-check"
import {
  draft,
  type FieldPairs,
  type FieldWriter,
  type InvalidHead,
  judgeFinal,
  prepare,
  type PreparedHead,
  prepareInterim,
  reasonOf,
  type ResponseContext,
  type ResponseFraming,
  type ResponseHead,
  titleCase
} from "tsgi/protocol"
import { describe, expect, it } from "vitest"
import { runs } from "../utils/runs.js"
import { bodyOf, parseHead, persists, trim } from "./responseText.js"

const date = "Sun, 06 Nov 1994 08:49:37 GMT"
const context: ResponseContext = {
  method: "GET",
  minorVersion: 1,
  persistent: true,
  asksKeepAlive: false,
  keepAliveSeconds: undefined,
  bodyLength: undefined,
  date,
  fieldCase: "title"
}

const lines = (...all: ReadonlyArray<string>): string => [...all, "", ""].join("\r\n")
const dated = `Date: ${date}`
const none: ResponseFraming = { _tag: "None" }
const chunked: ResponseFraming = { _tag: "Chunked" }
const untilClose: ResponseFraming = { _tag: "Close" }
const length = (bytes: number): ResponseFraming => ({ _tag: "Length", length: bytes })

interface Row {
  readonly what: string
  readonly head?: Partial<ResponseHead>
  readonly context?: Partial<ResponseContext>
  readonly text: string
  readonly framing: ResponseFraming
  readonly persistent?: boolean
}

const old: Partial<ResponseContext> = { minorVersion: 0, asksKeepAlive: true }

const table: ReadonlyArray<Row> = [
  // framing (RFC 9112, 6)
  {
    what: "a known length",
    context: { bodyLength: 5 },
    framing: length(5),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 5")
  },
  {
    what: "a length of none",
    context: { bodyLength: 0 },
    framing: length(0),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 0")
  },
  { what: "an unknown length", framing: chunked, text: lines("HTTP/1.1 200 OK", dated, "Transfer-Encoding: chunked") },
  {
    what: "a known length on HTTP/1.0",
    context: { ...old, bodyLength: 5 },
    framing: length(5),
    text: lines("HTTP/1.0 200 OK", dated, "Content-Length: 5", "Connection: keep-alive")
  },
  {
    what: "an unknown length on HTTP/1.0",
    context: old,
    framing: untilClose,
    persistent: false,
    text: lines("HTTP/1.0 200 OK", dated, "Connection: close")
  },
  {
    what: "the application's length",
    head: { fields: [["content-length", "7"]] },
    framing: length(7),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 7")
  },
  {
    what: "the application's length before the known one",
    head: { fields: [["Content-Length", "7"], ["X", "y"]] },
    context: { bodyLength: 5 },
    framing: length(7),
    text: lines("HTTP/1.1 200 OK", "X: y", dated, "Content-Length: 7")
  },
  {
    what: "the application's length twice",
    head: { fields: [["Content-Length", "7"], ["content-LENGTH", "07"]] },
    framing: length(7),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 7")
  },
  {
    what: "the application's coding",
    head: { fields: [["Transfer-Encoding", "Chunked"]] },
    framing: chunked,
    text: lines("HTTP/1.1 200 OK", dated, "Transfer-Encoding: chunked")
  },
  {
    what: "the application's coding beside a known length",
    head: { fields: [["transfer-encoding", "chunked"]] },
    context: { bodyLength: 5 },
    framing: length(5),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 5")
  },
  {
    what: "the application's coding on HTTP/1.0",
    head: { fields: [["Transfer-Encoding", "chunked"]] },
    context: old,
    framing: untilClose,
    persistent: false,
    text: lines("HTTP/1.0 200 OK", dated, "Connection: close")
  },
  {
    what: "the application's coding on 204",
    head: { status: 204, fields: [["Transfer-Encoding", "chunked"]] },
    framing: none,
    text: lines("HTTP/1.1 204 No Content", dated)
  },
  // no body (RFC 9110, 9.3.2, 15.3.5, 15.4.5 and 9.3.6)
  { what: "HEAD", context: { method: "HEAD" }, framing: none, text: lines("HTTP/1.1 200 OK", dated) },
  {
    what: "HEAD and a length",
    head: { fields: [["Content-Length", "7"]] },
    context: { method: "HEAD" },
    framing: none,
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 7")
  },
  {
    what: "HEAD on HTTP/1.0 and no length",
    context: { ...old, method: "HEAD" },
    framing: none,
    text: lines("HTTP/1.0 200 OK", dated, "Connection: keep-alive")
  },
  { what: "204", head: { status: 204 }, framing: none, text: lines("HTTP/1.1 204 No Content", dated) },
  {
    what: "204 and a length",
    head: { status: 204, fields: [["Content-Length", "7"]] },
    context: { bodyLength: 7 },
    framing: none,
    text: lines("HTTP/1.1 204 No Content", dated)
  },
  {
    what: "205, whatever the application has for it",
    head: { status: 205, fields: [["Content-Length", "7"]] },
    context: { bodyLength: 7 },
    framing: none,
    text: lines("HTTP/1.1 205 Reset Content", dated, "Content-Length: 0")
  },
  {
    what: "304",
    head: { status: 304, fields: [["ETag", "\"x\""]] },
    framing: none,
    text: lines("HTTP/1.1 304 Not Modified", "Etag: \"x\"", dated)
  },
  {
    what: "304 and a length",
    head: { status: 304, fields: [["Content-Length", "7"]] },
    framing: none,
    text: lines("HTTP/1.1 304 Not Modified", dated, "Content-Length: 7")
  },
  {
    what: "200 to CONNECT",
    head: { fields: [["Content-Length", "7"]] },
    context: { method: "CONNECT", bodyLength: 7 },
    framing: none,
    text: lines("HTTP/1.1 200 OK", dated)
  },
  {
    what: "403 to CONNECT",
    head: { status: 403 },
    context: { method: "CONNECT", bodyLength: 7, persistent: false },
    framing: length(7),
    persistent: false,
    text: lines("HTTP/1.1 403 Forbidden", dated, "Content-Length: 7", "Connection: close")
  },
  {
    what: "connect in lower case, which is another method",
    context: { method: "connect", bodyLength: 7 },
    framing: length(7),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 7")
  },
  {
    what: "an error on HTTP/1.0",
    head: { status: 404 },
    context: { ...old, bodyLength: 2 },
    framing: length(2),
    text: lines("HTTP/1.0 404 Not Found", dated, "Content-Length: 2", "Connection: keep-alive")
  },
  // persistence (RFC 9112, 9.3)
  {
    what: "a connection that cannot go on",
    context: { persistent: false, bodyLength: 1 },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1", "Connection: close")
  },
  {
    what: "close, said by the application",
    head: { fields: [["Connection", "close"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1", "Connection: close")
  },
  {
    what: "close, said in any case and place",
    head: { fields: [["connection", "x-y, CLOSE"], ["X", "y"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.1 200 OK", "Connection: x-y", "X: y", dated, "Content-Length: 1", "Connection: close")
  },
  {
    what: "close, said by both",
    head: { fields: [["Connection", "close"]] },
    context: { bodyLength: 1, persistent: false },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1", "Connection: close")
  },
  {
    what: "close on HTTP/1.0",
    head: { fields: [["Connection", "close"]] },
    context: { ...old, bodyLength: 1 },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.0 200 OK", dated, "Content-Length: 1", "Connection: close")
  },
  {
    what: "keep-alive, which is not the application's to say",
    head: { fields: [["Connection", "keep-alive"]] },
    context: { bodyLength: 1, persistent: false },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1", "Connection: close")
  },
  {
    what: "Keep-Alive, which is not the application's either",
    head: { fields: [["Keep-Alive", "timeout=99"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1")
  },
  {
    what: "other options of the application",
    head: { fields: [["Connection", "Upgrade, keep-alive"], ["Upgrade", "x"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", "Connection: upgrade", "Upgrade: x", dated, "Content-Length: 1")
  },
  {
    what: "HTTP/1.0 that did not ask to be kept",
    context: { minorVersion: 0, bodyLength: 1 },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.0 200 OK", dated, "Content-Length: 1", "Connection: close")
  },
  {
    what: "a client that asked, on HTTP/1.1",
    context: { asksKeepAlive: true, bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1")
  },
  {
    what: "a client that asked, and a timeout",
    context: { asksKeepAlive: true, keepAliveSeconds: 60, bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1", "Connection: keep-alive", "Keep-Alive: timeout=60")
  },
  {
    what: "a client that asked, on HTTP/1.0, and a timeout",
    context: { ...old, keepAliveSeconds: 60, bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.0 200 OK", dated, "Content-Length: 1", "Connection: keep-alive", "Keep-Alive: timeout=60")
  },
  {
    what: "a client that did not ask, and a timeout",
    context: { keepAliveSeconds: 60, bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1")
  },
  {
    what: "a client that asked in vain",
    context: { asksKeepAlive: true, keepAliveSeconds: 60, persistent: false, bodyLength: 1 },
    framing: length(1),
    persistent: false,
    text: lines("HTTP/1.1 200 OK", dated, "Content-Length: 1", "Connection: close")
  },
  // fields
  {
    what: "names in title case",
    head: { fields: [["sOMe-WEirD", "cAsE"], ["x", "1"], ["a--b-", "2"], ["_x-y.z", "3"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", "Some-Weird: cAsE", "X: 1", "A--B-: 2", "_x-Y.z: 3", dated, "Content-Length: 1")
  },
  {
    what: "names as given",
    head: { fields: [["sOMe-WEirD", "cAsE"], ["x", "1"]] },
    context: { bodyLength: 1, fieldCase: "preserve" },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", "sOMe-WEirD: cAsE", "x: 1", dated, "Content-Length: 1")
  },
  {
    what: "names repeated, in order",
    head: { fields: [["Set-Cookie", "a=1"], ["X", "y"], ["set-cookie", "b=2"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", "Set-Cookie: a=1", "X: y", "Set-Cookie: b=2", dated, "Content-Length: 1")
  },
  {
    what: "the application's Date",
    head: { fields: [["DATE", "yesterday"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", "Date: yesterday", "Content-Length: 1")
  },
  {
    what: "values of every kind",
    head: { fields: [["X", ""], ["Y", "a: b, \"c\"\t;"], ["Z", "\x80é\xff"]] },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", "X: ", "Y: a: b, \"c\"\t;", "Z: \x80é\xff", dated, "Content-Length: 1")
  },
  {
    what: "fields from any iterable",
    head: { fields: new Map([["x", "y"], ["z", ""]]) },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 OK", "X: y", "Z: ", dated, "Content-Length: 1")
  },
  // status lines (RFC 9112, 4)
  {
    what: "a reason of one's own",
    head: { status: 200, reason: "Très bien" },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 Très bien", dated, "Content-Length: 1")
  },
  {
    what: "an empty reason, behind a space all the same",
    head: { status: 200, reason: "" },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 200 ", dated, "Content-Length: 1")
  },
  {
    what: "a status without a name",
    head: { status: 299 },
    context: { bodyLength: 1 },
    framing: length(1),
    text: lines("HTTP/1.1 299 Unknown", dated, "Content-Length: 1")
  }
]

describe("a final head", () => {
  it.each(table.map((row) => [row.what, row] as const))("for %s", (_, row) => {
    const head = { status: 200, fields: [], ...row.head }
    const asked = { ...context, ...row.context }
    const prepared = prepare(head, asked)
    expect(prepared).toEqual({
      _tag: "PreparedHead",
      status: head.status,
      text: row.text,
      framing: row.framing,
      persistent: row.persistent ?? true
    })
    const drafted = draft(head, asked.fieldCase)
    expect(drafted._tag === "JudgedHead" && prepare(drafted, asked)).toEqual(prepared)
  })

  it("says to every client what the server means, in every combination", () => {
    const connections: ReadonlyArray<FieldPairs> = [[], [["Connection", "close"]], [["connection", "keep-alive"]], [[
      "Connection",
      "x-y, Close"
    ]]]
    const lengths: ReadonlyArray<FieldPairs> = [[], [["Content-Length", "0"]], [["content-length", "7"]]]
    const both = [true, false]
    let count = 0
    for (const status of [200, 201, 204, 205, 206, 299, 300, 304, 404, 500, 599]) {
      for (const method of ["GET", "HEAD", "POST", "CONNECT", "head"]) {
        for (const minorVersion of [0, 1] as const) {
          for (const bodyLength of [undefined, 0, 7]) {
            for (const persistent of both) {
              for (const asksKeepAlive of both) {
                for (const connection of connections) {
                  for (const declared of lengths) {
                    const asked = { ...context, method, minorVersion, bodyLength, persistent, asksKeepAlive }
                    const prepared = prepare({ status, fields: [...connection, ...declared] }, asked)
                    checkUnderstood(prepared, asked)
                    count++
                  }
                }
              }
            }
          }
        }
      }
    }
    expect(count).toBe(11 * 5 * 2 * 3 * 2 * 2 * 4 * 3)
  })
})

const checkUnderstood = (prepared: PreparedHead | InvalidHead, { method, persistent }: ResponseContext): void => {
  if (prepared._tag === "InvalidHead") throw new Error(prepared.message)
  const head = parseHead(prepared.text)
  const { framing } = prepared
  const meant = framing._tag === "Length"
    ? framing.length
    : ({ None: "none", Chunked: "chunked", Close: "until close" } as const)[framing._tag]
  // a 205 has no content, and its length tells the client so
  const understood = head.status === 205 && bodyOf(head, method) === 0 ? "none" : bodyOf(head, method)
  const goesOn = persists(head)
  if (understood !== meant || goesOn !== prepared.persistent || (goesOn && (!persistent || meant === "until close"))) {
    throw new Error(JSON.stringify({ prepared, understood, goesOn }, null, 1))
  }
}

describe("a head is refused", () => {
  it.each([
    ["InvalidStatus", { status: 199 }],
    ["InvalidStatus", { status: 100 }],
    ["InvalidStatus", { status: 101 }],
    ["InvalidStatus", { status: 0 }],
    ["InvalidStatus", { status: -200 }],
    ["InvalidStatus", { status: 1000 }],
    ["InvalidStatus", { status: 200.5 }],
    ["InvalidStatus", { status: NaN }],
    ["InvalidStatus", { status: Infinity }],
    ["InvalidStatus", { status: "200 OK\r\nX: y" as unknown as number }],
    ["InvalidReason", { reason: "OK\r\nX: y" }],
    ["InvalidReason", { reason: "OK\n" }],
    ["InvalidReason", { reason: "\0" }],
    ["InvalidReason", { reason: "\x7f" }],
    ["InvalidReason", { reason: "好" }],
    ["InvalidFieldName", { fields: [["", "y"]] }],
    ["InvalidFieldName", { fields: [["X Y", "z"]] }],
    ["InvalidFieldName", { fields: [["X:", "z"]] }],
    ["InvalidFieldName", { fields: [["X\r\nY", "z"]] }],
    ["InvalidFieldName", { fields: [["X\n", "z"]] }],
    ["InvalidFieldName", { fields: [["X\0", "z"]] }],
    ["InvalidFieldName", { fields: [[" X", "z"]] }],
    ["InvalidFieldName", { fields: [["É", "z"]] }],
    ["InvalidFieldName", { fields: [["好", "z"]] }],
    ["InvalidFieldName", { fields: [[undefined as unknown as string, "z"]] }],
    ["InvalidFieldValue", { fields: [["X", "a\r\nY: b"]] }],
    ["InvalidFieldValue", { fields: [["X", "a\r"]] }],
    ["InvalidFieldValue", { fields: [["X", "a\n"]] }],
    ["InvalidFieldValue", { fields: [["X", "a\n b"]] }],
    ["InvalidFieldValue", { fields: [["X", "\0"]] }],
    ["InvalidFieldValue", { fields: [["X", "\x7f"]] }],
    ["InvalidFieldValue", { fields: [["X", "\x0b"]] }],
    ["InvalidFieldValue", { fields: [["X", "好"]] }],
    // If a writer drops the upper byte, these become CR and LF.
    ["InvalidFieldValue", { fields: [["X", "\u010d\u010aY: z"]] }],
    ["InvalidFieldValue", { fields: [["X", "\u2028"]] }],
    ["InvalidFieldValue", { fields: [["X", 7 as unknown as string]] }],
    ["InvalidFieldValue", { fields: [["X", ["a", "b"] as unknown as string]] }],
    ["InvalidFieldValue", { fields: [["Connection", "close\r\nX: y"]] }],
    ["InvalidFieldValue", { fields: [["Content-Length", "7\r\nX: y"]] }],
    ["InvalidFieldValue", { fields: [["Keep-Alive", "x\r\nX: y"]] }],
    ["InvalidContentLength", { fields: [["Content-Length", ""]] }],
    ["InvalidContentLength", { fields: [["Content-Length", "-1"]] }],
    ["InvalidContentLength", { fields: [["Content-Length", "1.5"]] }],
    ["InvalidContentLength", { fields: [["Content-Length", "0x7"]] }],
    ["InvalidContentLength", { fields: [["Content-Length", "7, 7"]] }],
    ["InvalidContentLength", { fields: [["Content-Length", "9007199254740992"]] }],
    ["InvalidContentLength", { fields: [["Content-Length", "7"], ["content-length", "8"]] }],
    ["InvalidTransferEncoding", { fields: [["Transfer-Encoding", "gzip"]] }],
    ["InvalidTransferEncoding", { fields: [["Transfer-Encoding", "gzip, chunked"]] }],
    ["InvalidTransferEncoding", { fields: [["Transfer-Encoding", "identity"]] }],
    ["InvalidTransferEncoding", { fields: [["Transfer-Encoding", ""]] }]
  ] as ReadonlyArray<[InvalidHead["reason"], Partial<ResponseHead>]>)("as %s: %j", (reason, head) => {
    expect(prepare({ status: 200, fields: [], ...head }, context)).toMatchObject({ _tag: "InvalidHead", reason })
    expect(draft({ status: 200, fields: [], ...head })).toMatchObject({ _tag: "InvalidHead", reason })
  })

  it("whatever tag it carries", () => {
    const tagged = { _tag: "MyResponse", status: 200, fields: [["X", "a\r\nY: b"]] } as const
    expect(prepare(tagged, context)).toMatchObject({ _tag: "InvalidHead", reason: "InvalidFieldValue" })
  })

  it("that was judged for another wire", () => {
    type Pairs = ReadonlyArray<readonly [name: string, value: string]>
    const pairs: FieldWriter<Pairs> = {
      none: [],
      add: (before, _name, given, value) => [...before, [given, value]],
      isWritten: (fields): fields is Pairs => Array.isArray(fields)
    }
    const judged = judgeFinal({ status: 200, fields: [["a", "b"]] }, pairs)
    expect(judged._tag === "JudgedHead" && prepare(judged, context)).toMatchObject({
      _tag: "InvalidHead",
      reason: "InvalidFields"
    })
  })
})

describe("an interim head", () => {
  it.each([
    [100, [], lines("HTTP/1.1 100 Continue")],
    [100, [["x-quota", "ok"], ["X-Quota", "7"]], lines("HTTP/1.1 100 Continue", "X-Quota: ok", "X-Quota: 7")],
    [102, [], lines("HTTP/1.1 102 Processing")],
    [103, [["link", "</a.css>; rel=preload"]], lines("HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload")],
    [199, [], lines("HTTP/1.1 199 Unknown")]
  ] as ReadonlyArray<[number, FieldPairs, string]>)("of %i with %j", (status, fields, text) => {
    expect(prepareInterim(status, fields)).toBe(text)
  })

  it("keeps names as given where it is told to", () => {
    expect(prepareInterim(103, [["lINK", "x"]], "preserve")).toBe(lines("HTTP/1.1 103 Early Hints", "lINK: x"))
  })

  it.each([
    ["InvalidStatus", 101, []],
    ["InvalidStatus", 99, []],
    ["InvalidStatus", 200, []],
    ["InvalidStatus", 100.5, []],
    ["InvalidStatus", NaN, []],
    ["InvalidFieldName", 103, [["X\r\nY", "z"]]],
    ["InvalidFieldName", 103, [["", "z"]]],
    ["InvalidFieldName", 103, [["Content-Length", "0"]]],
    ["InvalidFieldName", 103, [["transfer-encoding", "chunked"]]],
    ["InvalidFieldValue", 103, [["X", "y\r\n\r\nHTTP/1.1 200 OK"]]],
    ["InvalidFieldValue", 103, [["X", "好"]]]
  ] as ReadonlyArray<[InvalidHead["reason"], number, FieldPairs]>)(
    "is refused as %s: %d %j",
    (reason, status, fields) => {
      expect(prepareInterim(status, fields)).toMatchObject({ _tag: "InvalidHead", reason })
    }
  )
})

describe("whatever an application gives", () => {
  // most values are harmless, so that heads with several fields are accepted; the others could split a response
  const hostile = fc.constantFrom(
    "\r\n",
    "\r",
    "\n",
    "\0",
    "\x7f",
    "\x0b",
    "\x85",
    "\u2028",
    "\u010a",
    "\u{1f600}",
    ":"
  )
  const harmless = fc.string({ unit: fc.constantFrom(..."abXY09-_. \t,;=\"é\xff"), maxLength: 10 })
  const value = fc.oneof(
    { weight: 12, arbitrary: harmless },
    { weight: 1, arbitrary: fc.tuple(harmless, hostile, harmless).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) }
  )
  const name = fc.oneof(
    { weight: 12, arbitrary: fc.stringMatching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,12}$/) },
    {
      weight: 4,
      arbitrary: fc.constantFrom("Content-Length", "transfer-encoding", "CONNECTION", "Date", "keep-alive")
    },
    { weight: 1, arbitrary: value }
  )
  const steering = fc.constantFrom("close", "keep-alive", "x-y, close", "chunked", "5", "0")
  const fields = fc.array(fc.tuple(name, fc.oneof(value, steering)), { maxLength: 6 })
  const status = fc.oneof(fc.constantFrom(200, 204, 304, 404, 100, 103), fc.integer({ min: 0, max: 1100 }))
  const contexts = fc.record<ResponseContext>({
    method: fc.constantFrom("GET", "HEAD", "CONNECT"),
    minorVersion: fc.constantFrom(0, 1),
    persistent: fc.boolean(),
    asksKeepAlive: fc.boolean(),
    keepAliveSeconds: fc.constantFrom(undefined, 5),
    bodyLength: fc.constantFrom(undefined, 0, 9),
    date: fc.constant(date),
    fieldCase: fc.constantFrom("title", "preserve")
  })

  const owned = ["content-length", "transfer-encoding", "connection", "keep-alive"]
  const isOwned = ([name]: readonly [string, string]): boolean => owned.includes(name.toLowerCase())
  const written = (given: ReadonlyArray<readonly [string, string]>, asked: Pick<ResponseContext, "fieldCase">) =>
    given.map(([name, value]) => [asked.fieldCase === "title" ? titleCase(name) : name, trim(value)])

  it("a final head is refused, or has its fields in order, the server's own, and not a line more", () => {
    let passed = 0
    fc.assert(
      fc.property(status, fc.option(value, { nil: undefined }), fields, contexts, (code, reason, given, asked) => {
        const prepared = prepare({ status: code, reason, fields: given }, asked)
        if (prepared._tag === "InvalidHead") return
        passed++
        checkUnderstood(prepared, asked)
        const head = parseHead(prepared.text)
        const dated = given.some(([name]) => name.toLowerCase() === "date")
        expect(head).toMatchObject({
          version: `1.${asked.minorVersion}`,
          status: code,
          reason: reason ?? reasonOf(code)
        })
        expect(head.fields.filter((field) => !isOwned(field))).toEqual([
          ...written(given.filter((field) => !isOwned(field)), asked),
          ...(dated ? [] : [["Date", date]])
        ])
        const options = given.filter(([name]) => name.toLowerCase() === "connection").flatMap(([, value]) =>
          value.toLowerCase().split(",").map(trim)
        ).filter((option) => !["", "close", "keep-alive"].includes(option))
        const said = head.fields.filter(([name]) => name === "Connection").map(([, value]) => value)
        expect(said.slice(0, options.length)).toEqual(options)
        expect(said.slice(options.length).filter((option) => option !== "close" && option !== "keep-alive")).toEqual([])
        expect(said.length).toBeLessThanOrEqual(options.length + 1)
      }),
      runs(300)
    )
    expect(passed).toBeGreaterThan(runs(90).numRuns)
  })

  it("an interim head is refused, or has exactly its fields", () => {
    let passed = 0
    fc.assert(
      fc.property(status, fields, contexts, (code, given, asked) => {
        const text = prepareInterim(code, given, asked.fieldCase)
        if (typeof text !== "string") return
        passed++
        const head = parseHead(text)
        expect(head).toEqual({ version: "1.1", status: code, reason: reasonOf(code), fields: written(given, asked) })
        expect(bodyOf(head, "GET")).toBe("none")
      }),
      runs(300)
    )
    expect(passed).toBeGreaterThan(runs(20).numRuns)
  })
})

it("writes names in title case", () => {
  expect(["sOMe-WEirD", "etag", "WWW-authenticate", "x", "", "-a-", "x_y-Z"].map(titleCase))
    .toEqual(["Some-Weird", "Etag", "Www-Authenticate", "X", "", "-A-", "X_y-Z"])
})

it("goes on checking names when it has seen more of them than it remembers", () => {
  for (let at = 0; at < 2000; at++) {
    const prepared = prepare({ status: 200, fields: [[`x-name-${at}`, "y"]] }, context)
    expect(prepared).toMatchObject({ text: expect.stringContaining(`\r\nX-Name-${at}: y\r\n`) as string })
  }
  expect(prepare({ status: 200, fields: [["x-name\n", "y"]] }, context)._tag).toBe("InvalidHead")
  expect(prepare({ status: 200, fields: [[`x-name-1`, "y"]] }, context)._tag).toBe("PreparedHead")
})
