/**
 * A body that can only be read once was given twice, or was read before. The second answer would be empty, without an error. So
 * that is a failure, which is logged and names the remedy. The same holds for an iterable without an iterator, or with properties
 * that throw.
 *
 * The family: streams, iterators and generators of every kind, at both doors. A body that can be read again is answered again.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { PassThrough, Readable } from "node:stream"
import type { App, AppBody } from "tsgi"
import { describe, expect, it } from "vitest"
import { nothingSeen, open } from "../platform/scene.js"
import { get } from "../utils/requests.js"
import { Log, plain, withServer } from "../utils/serving.js"

const letters = function*() {
  yield "a"
}
const lateLetters = async function*() {
  yield await Promise.resolve("a")
}

/** Its iterator is always the same one. */
const shared = (): AppBody => {
  const iterator = letters()
  return { [Symbol.iterator]: () => iterator }
}

const once: Readonly<Record<string, () => AppBody>> = {
  "a generator": letters,
  "an asynchronous generator": lateLetters,
  "the iterator of an array": () => ["a"].values(),
  "an iterable with one iterator for all": shared,
  "a Node stream": () => Readable.from(["a"]),
  "a PassThrough": () => {
    const stream = new PassThrough()
    stream.end("a")
    return stream
  },
  "a ReadableStream": () => new Blob(["a"]).stream()
}

const often: Readonly<Record<string, () => AppBody>> = {
  "an array": () => ["a"],
  "a Set": () => new Set(["a"]),
  "an iterable that begins anew": () => ({ [Symbol.iterator]: letters }),
  "an asynchronous iterable that begins anew": () => ({ [Symbol.asyncIterator]: lateLetters })
}

const broken: Readonly<Record<string, () => unknown>> = {
  "an asynchronous iterable whose iterator is a number": () => ({ [Symbol.asyncIterator]: () => 5 }),
  "an asynchronous iterable without an iterator": () => ({ [Symbol.asyncIterator]: () => undefined }),
  "an asynchronous iterator without next": () => ({ [Symbol.asyncIterator]: () => ({}) }),
  "an asynchronous iterator that gives no result": () => ({ [Symbol.asyncIterator]: () => ({ next: () => 5 }) }),
  "an iterable whose iterator is null": () => ({ [Symbol.iterator]: () => null }),
  "an iterator that gives no result": () => ({ [Symbol.iterator]: () => ({ next: () => undefined }) }),
  "an asynchronous iterable that cannot be closed": () => ({
    [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error("no part")) }),
    get destroy() {
      throw new Error("no destroy")
    }
  })
}

const answering = (body: AppBody): App => (_, startResponse) => {
  startResponse("200 OK", plain)
  return body
}

describe("at the plain door", () => {
  it.each(Object.entries(once))("%s", async (_, make) => {
    await withServer(answering(make()), {}, async ({ ask, log }) => {
      const first = await ask(get("/"))
      expect([first.status, first.body.toString()]).toEqual([200, "a"])
      expect((await ask(get("/"))).status).toBe(500)
      expect(log.text).toMatch(
        /BodyUsed: the (stream|iterator) was read before and has nothing left: make a new one for each request/
      )
    })
  })

  it.each(Object.entries(often))("again: %s", async (_, make) => {
    await withServer(answering(make()), {}, async ({ ask, log }) => {
      for (const body of ["a", "a"]) expect((await ask(get("/"))).body.toString()).toBe(body)
      expect(log.text).not.toContain("failed")
    })
  })

  it.each(Object.entries(broken))("%s", async (_, make) => {
    await withServer(answering(make() as AppBody), {}, async ({ ask, log }) => {
      expect((await ask(get("/"))).status).toBe(500)
      expect(log.text).toMatch(/the application failed/)
    })
  })
})

describe("at the Effect door", () => {
  const asking = async (body: unknown, times: number) => {
    const log = new Log()
    await using scene = await open(HttpServer.serve(Effect.succeed(HttpServerResponse.raw(body))), nothingSeen(), {
      around: Logger.add(Logger.map(Logger.logfmtLogger, log.info))
    })
    const seen: Array<readonly [status: number, body: string]> = []
    for (let i = 0; i < times; i++) {
      await using client = await scene.connect()
      client.send(get())
      const { body, status } = await client.response()
      seen.push([status, body.toString()])
    }
    return { seen, log: log.text }
  }
  // a raw body may not be a synchronous iterable
  const asynchronous = Object.entries(once).filter(([, make]) => Symbol.asyncIterator in Object(make()))

  it.each(asynchronous)("%s", async (_, make) => {
    const { log, seen } = await asking(make(), 2)
    expect(seen).toEqual([[200, "a"], [500, ""]])
    expect(log).toMatch(/BodyUsed: the (stream|iterator) was read before/)
  })

  it("a ReadableStream that is sent is closed without a word", async () => {
    const { log, seen } = await asking(new Blob(["a"]).stream(), 1)
    expect(seen).toEqual([[200, "a"]])
    expect(log).not.toContain("failed")
  })

  it.each(Object.entries(broken))("%s", async (_, make) => {
    const { log, seen } = await asking(make(), 1)
    expect(seen).toEqual([[500, ""]])
    expect(log).toMatch(/the application failed/)
  })
})
