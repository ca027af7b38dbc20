/**
 * Logs cannot be forged, over every door: whatever a client sends, the failure of a post hook with the client's text in it is one
 * entry, and no byte of it controls a terminal. The family: every text of a failure, and any bytes. wsgi/ForgedLog.test.ts and
 * platform/ForgedLog.test.ts have the ways into a log that only one door has.
 */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { effectEntriesOf, entriesOf, expectHarmless, hostile } from "../utils/hostile.js"
import { chunked, get, postChunked, postOf } from "../utils/requests.js"
import { runs } from "../utils/runs.js"
import { everyDoor, type Script, type Serve } from "./everyDoor.js"

const failures: Readonly<Record<string, (words: string) => unknown>> = {
  "an error's message": (words) => new Error(words),
  "its cause's": (words) => new Error("it failed", { cause: new Error("so did it", { cause: words }) }),
  "its name": (words) => Object.assign(new Error("it failed"), { name: words }),
  "the words themselves": (words) => words,
  "what has a text": (words) => ({ toString: () => words }),
  "a property": (words) => ({ words })
}

/** Sends bytes to a server, and returns all its lines but those of the access log. */
const linesOf = async (serve: Serve, script: Script, bytes: string | Uint8Array): Promise<ReadonlyArray<string>> => {
  const parser = { allowNonAsciiTarget: true, allowControlsInChunkExtensions: true, requireHost: false }
  await using served = await serve(script, { parser, timeouts: { grace: 0 } })
  const { client, lines, stop } = served
  client.send(bytes)
  client.end()
  await client.response().catch(() => undefined)
  client.close()
  await stop()
  return lines
}

const hookFailures = (lines: ReadonlyArray<string>): number =>
  lines.filter((line) => line.includes("a post hook failed")).length

describe.each(everyDoor)("%s", (door, serve) => {
  const entries = door === "plain TypeScript" ? entriesOf : effectEntriesOf

  it.each(Object.entries(failures))("whatever a client sends: %s", async (_, failure) => {
    await fc.assert(
      fc.asyncProperty(hostile, async (words) => {
        const lines = await linesOf(serve, ({ hook }) => {
          hook(() => Promise.reject(failure(words)))
          return "ok"
        }, get())
        expect(hookFailures(lines)).toBe(1)
        expectHarmless(lines, entries(lines))
      }),
      runs(1)
    )
  })

  it("whatever bytes come", async () => {
    const latin = fc.string({
      unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
      minLength: 1,
      maxLength: 40
    })
    const bytes = fc.tuple(
      fc.constantFrom<(words: string) => string>(
        (words) => words,
        (words) => `GET /${words}`,
        (words) => `GET / HTTP/1.1\r\nHost: ${words}`,
        (words) => `POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${words}`,
        (words) => postOf(words.length, words),
        (words) => postChunked("/", chunked([words]))
      ),
      latin
    ).map(([of, words]) => Buffer.from(`${of(words)}\r\n\r\n`, "latin1"))
    await fc.assert(
      fc.asyncProperty(bytes, async (bytes) => {
        const lines = await linesOf(serve, async ({ hook, read }) => {
          const body = await read()
          hook(() => Promise.reject(new Error(body)))
          return body
        }, bytes)
        if (lines.length > 0) expectHarmless(lines, entries(lines))
      }),
      runs(8)
    )
  })
})
