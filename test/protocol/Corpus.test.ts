/**
 * Each request of the corpus is read, or refused, as its file says, whole, byte by byte and cut in two; and as the reference
 * reads it, if that knows the rules. After a valid request another one is read; after an invalid one nothing is.
 */
import { failureStatuses } from "tsgi/protocol"
import { describe, expect, it } from "vitest"
import { type CorpusCase, fromNotation, readCorpus, toNotation } from "../utils/corpus.js"
import { everySplit } from "../utils/splits.js"
import { checkMeaning } from "./agreement.js"
import { readAll, type Reading } from "./reading.js"

const following = Buffer.from("GET /following HTTP/1.1\r\nHost: following\r\n\r\n")
const followingRequest = { line: "GET /following HTTP/1.1", fields: ["Host", "following"], body: "", finished: true }
const junk = ["\0\xff\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "\n0\r\n\r\n", "\r\n: \t;"].map((text) =>
  Buffer.from(text, "latin1")
)

const expected = (sample: CorpusCase) => {
  const last = sample.expect[sample.expect.length - 1]
  return {
    requests: sample.expect.flatMap((one) =>
      one._tag === "Request"
        ? [{ line: one.line, finished: one.finished, body: "", trailers: [], ...one.details }]
        : []
    ),
    end: last._tag === "Refusal"
      ? { _tag: "Failure", reason: last.reason, status: last.status }
      : last._tag === "More"
      ? "more"
      : "idle"
  }
}

const read = ({ leniency, limits }: Pick<CorpusCase, "leniency" | "limits">, bytes: Uint8Array, from = 1): Reading =>
  everySplit(bytes, (chunks) => readAll(chunks, { limits, leniency }), from)

/** The reference knows the rules as they are by default, and no limit of bytes. */
const isKnownToReference = ({ leniency, limits, name }: CorpusCase): boolean =>
  Object.keys({ ...leniency, ...limits }).length === 0 && !name.startsWith("invalid/limit-")

const check = (sample: CorpusCase): void => {
  const wanted = expected(sample)
  const whole = read(sample, sample.bytes)
  // earlier cuts have already been tried
  const seam = Math.max(1, sample.bytes.length - 8)
  expect(whole).toMatchObject(wanted)
  expect(readAll([sample.bytes.subarray(0, 5), sample.bytes.subarray(5)], sample, true)).toEqual(whole)
  if (isKnownToReference(sample)) checkMeaning(sample.bytes, whole)

  if (wanted.end === "idle") {
    // the limits of the sample may be too low for the requests that follow
    const more = read({ leniency: sample.leniency, limits: {} }, Buffer.concat([sample.bytes, following]), seam)
    expect(more).toMatchObject({ requests: [...wanted.requests, followingRequest], end: "idle" })
  }
  if (typeof wanted.end === "object") {
    for (const bytes of junk) expect(readAll([sample.bytes, bytes], sample)).toEqual(whole)
    expect(read(sample, Buffer.concat([sample.bytes, junk[0]]), seam)).toEqual(whole)
  }
}

describe("what is valid is read", () => {
  it.each(readCorpus("valid").map((sample) => [sample.name, sample] as const))("%s", (_, sample) => {
    expect(sample.expect.filter((one) => one._tag === "Refusal")).toEqual([])
    check(sample)
  })
})

describe("what is invalid is refused", () => {
  it.each(readCorpus("invalid").map((sample) => [sample.name, sample] as const))("%s", (_, sample) => {
    expect(sample.expect[sample.expect.length - 1]._tag).toBe("Refusal")
    check(sample)
  })
})

it("names the rule of every case", () => {
  for (const sample of [...readCorpus("valid"), ...readCorpus("invalid")]) {
    expect(sample.rule, sample.name).toMatch(/^RFC \d{4}, \d/)
  }
})

it("has a case for every reason there is, with its status", () => {
  const refusals = readCorpus("invalid").flatMap((sample) => sample.expect).filter((one) => one._tag === "Refusal")
  // the reader has a name for each rule, and gives none of the names for what has none
  const ofOthers = { MalformedHead: 400, MalformedBody: 400, ProtocolError: 400 }
  expect({ ...Object.fromEntries(refusals.map((one) => [one.reason, one.status])), ...ofOthers }).toEqual(
    failureStatuses
  )
  for (const reason of Object.keys(ofOthers)) expect(refusals.map((one) => one.reason)).not.toContain(reason)
})

it("reads back the notation it writes", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at)
  expect(fromNotation(toNotation(bytes))).toEqual(Buffer.from(bytes))
  expect(fromNotation("\\*3{a\\r}").toString()).toBe("a\ra\ra\r")
  expect(() => fromNotation("\\y")).toThrow("unknown escape")
  expect(() => fromNotation("é")).toThrow("must be escaped")
})

it("notices an answer that depends on where the bytes were cut", () => {
  const bytes = Buffer.from("abcdef")
  expect(everySplit(bytes, (chunks) => Buffer.concat(chunks).toString())).toBe("abcdef")
  expect(() => everySplit(bytes, (chunks) => chunks.some((chunk) => chunk.toString() === "abcd"))).toThrow("cut at 4")
  expect(() => everySplit(bytes, (chunks) => chunks.length > 2)).toThrow("in small pieces")
})
