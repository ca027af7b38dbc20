/**
 * A body is decoded to its last byte and no further, however its bytes are cut; and written chunks are read as they were. The
 * family: no body, one of a length, chunks with extensions and trailers.
 */
import * as fc from "fast-check"
import { bodyDecoder, chunkEnd, chunkHead, defaultLimits, lastChunk, strict } from "tsgi/protocol"
import { describe, expect, it } from "vitest"
import { everySplit } from "../utils/splits.js"

const bytesOf = (text: string): Buffer => Buffer.from(text, "latin1")

describe("a body decoder", () => {
  it("is not needed where there is no body", () => {
    expect(bodyDecoder({ _tag: "None" }, defaultLimits, strict)).toBeUndefined()
  })

  it("of a length takes that many bytes, from anywhere, and leaves the rest", () => {
    const decoder = bodyDecoder({ _tag: "Length", length: 3 }, defaultLimits, strict)
    const pieces: Array<Uint8Array> = []
    expect(decoder?.decode(bytesOf("--ab"), 2, pieces)).toBeUndefined()
    expect([decoder?.consumed, decoder?.done]).toEqual([4, false])
    expect(decoder?.decode(bytesOf("-cGET"), 1, pieces)).toBeUndefined()
    expect([decoder?.consumed, decoder?.done]).toEqual([2, true])
    expect(Buffer.concat(pieces).toString()).toBe("abc")
    expect(decoder?.decode(bytesOf("GET"), 0, pieces)).toBeUndefined()
    expect([decoder?.consumed, pieces.length]).toEqual([0, 2])
  })

  it("of chunks stops behind the last of them, wherever that is", () => {
    const body = "3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-A: b\r\n\r\n"
    const answer = everySplit(bytesOf(`${body}GET /`), (chunks) => {
      const decoder = bodyDecoder({ _tag: "Chunked" }, defaultLimits, strict)
      if (decoder === undefined) throw new Error("no decoder")
      const pieces: Array<Uint8Array> = []
      let rest = Buffer.alloc(0)
      for (const chunk of chunks) {
        rest = Buffer.concat([rest, chunk])
        if (decoder.done) continue
        if (decoder.decode(rest, 0, pieces) !== undefined) throw new Error("refused")
        rest = rest.subarray(decoder.consumed)
      }
      return { body: Buffer.concat(pieces).toString(), trailers: decoder.trailers, rest: rest.toString() }
    })
    expect(answer).toEqual({ body: "abcde", trailers: ["X-A", "b"], rest: "GET /" })
  })
})

it("reads the chunks that are written, large ones alone and small ones together", () => {
  const large = 2048
  const data = fc.oneof(
    { weight: 3, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 400 }) },
    { weight: 1, arbitrary: fc.integer({ min: large - 1, max: 5000 }).map((length) => new Uint8Array(length).fill(7)) }
  )
  fc.assert(
    fc.property(fc.array(data), (written) => {
      const wire = Buffer.concat([
        ...written.flatMap((data) => [bytesOf(chunkHead(data.length)), data, bytesOf(chunkEnd)]),
        bytesOf(lastChunk)
      ])
      const decoder = bodyDecoder({ _tag: "Chunked" }, defaultLimits, strict)
      if (decoder === undefined) throw new Error("no decoder")
      const read: Array<Uint8Array> = []
      for (let at = 0; !decoder.done; at = decoder.consumed) {
        const pieces: Array<Uint8Array> = []
        expect(decoder.decode(wire, at, pieces)).toBeUndefined()
        expect(decoder.consumed).toBeGreaterThan(at)
        if (pieces.some((piece) => piece.length >= large)) expect(pieces).toHaveLength(1)
        read.push(...pieces)
      }
      expect(decoder.consumed).toBe(wire.length)
      expect(read.map((piece) => piece.length)).toEqual(written.map((data) => data.length))
      expect(Buffer.concat(read).equals(Buffer.concat(written))).toBe(true)
    })
  )
})

it("writes chunk sizes in plain hexadecimal", () => {
  expect([1, 15, 16, 255, 65536].map(chunkHead)).toEqual(["1\r\n", "f\r\n", "10\r\n", "ff\r\n", "10000\r\n"])
})
