/**
 * What a logger and a tracer around an app see of a client that leaves, at every moment at which it can: the handler is
 * interrupted, the request's scope closes once with the reason, then the hooks run, then the line is logged, and nothing stays
 * behind.
 *
 * doors/Disconnect.test.ts has the same moments without middleware.
 */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import type { WireClient } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { expectReleased, holdings } from "../utils/holdings.js"
import { get, postOf } from "../utils/requests.js"
import {
  type Handler,
  kinds,
  type Middleware,
  noteEnds,
  nothingSeen,
  open,
  type Seen,
  someKinds,
  watch
} from "./scene.js"
import { Spans } from "./spans.js"

/** More than the kernel keeps on both sides of a loopback connection. */
const bulk = new Uint8Array(67_108_864)
const part = Buffer.alloc(65_536, "x")

interface Moment {
  readonly handler: (seen: Seen) => Handler
  /** Brings the exchange to the moment at which the client leaves. */
  readonly reach: (client: WireClient, seen: Seen) => Promise<unknown>
  readonly events: ReadonlyArray<string>
  /** What middleware and the tracer see. */
  readonly status: number
}

const hooks = (outcome: string): ReadonlyArray<string> => [`hook ${outcome}`, "second hook"]

const moments: Readonly<Record<string, Moment>> = {
  "before the handler answers": {
    handler: (seen) =>
      watch(seen).pipe(
        Effect.zipRight(Effect.sync(() => seen.lines.push("at work"))),
        Effect.zipRight(noteEnds(Effect.never, seen))
      ),
    reach: (client, seen) => {
      client.send(get())
      return seen.lines.first(1)
    },
    events: ["interrupted", "handler over", "scope ClientGone", ...hooks("Aborted ClientGone undefined"), "log 499"],
    status: 499
  },
  "while it reads the body": {
    handler: (seen) =>
      Effect.gen(function*() {
        yield* watch(seen)
        const request = yield* HttpServerRequest.HttpServerRequest
        yield* noteEnds(
          Stream.runForEach(request.stream, () => Effect.sync(() => seen.lines.push("at work"))).pipe(Effect.orDie),
          seen
        )
        return HttpServerResponse.empty()
      }),
    reach: (client, seen) => {
      client.send(postOf(10, "01234"))
      return seen.lines.first(1)
    },
    events: ["interrupted", "handler over", "scope ClientGone", ...hooks("Aborted ClientGone undefined"), "log 499"],
    status: 499
  },
  "during a buffered body of 64 MiB": {
    handler: (seen) => Effect.as(watch(seen), HttpServerResponse.uint8Array(bulk)),
    reach: (client) => {
      client.send(get())
      return client.bytes(1_000_000)
    },
    events: ["scope ClientGone", ...hooks("Aborted ClientGone 200"), "log 200"],
    status: 499
  },
  "during a stream": {
    handler: (seen) =>
      Effect.as(
        watch(seen),
        HttpServerResponse.stream(
          Stream.forever(Stream.succeed(part)).pipe(
            Stream.ensuring(Effect.sync(() => seen.events.push("stream over")))
          )
        )
      ),
    reach: (client) => {
      client.send(get())
      return client.bytes(1_000_000)
    },
    events: ["stream over", "scope ClientGone", ...hooks("Aborted ClientGone 200"), "log 200"],
    status: 499
  },
  "during a stream that waits": {
    handler: (seen) =>
      Effect.as(
        watch(seen),
        HttpServerResponse.stream(
          Stream.concat(Stream.succeed(part), noteEnds(Effect.never, seen)).pipe(
            Stream.ensuring(Effect.sync(() => seen.events.push("stream over")))
          )
        )
      ),
    reach: (client) => {
      client.send(get())
      return client.bytes(part.length)
    },
    events: [
      "interrupted",
      "handler over",
      "stream over",
      "scope ClientGone",
      ...hooks("Aborted ClientGone 200"),
      "log 200"
    ],
    status: 499
  },
  "after the answer": {
    handler: (seen) => Effect.as(watch(seen), HttpServerResponse.text("hello")),
    reach: async (client, seen) => {
      client.send(get())
      await client.response()
      return seen.records.first(1)
    },
    events: ["scope Success", ...hooks("Sent 200"), "log 200"],
    status: 200
  },
  "after a stream": {
    handler: (seen) => Effect.as(watch(seen), HttpServerResponse.stream(Stream.make(part, part))),
    reach: async (client, seen) => {
      client.send(get())
      await client.response()
      return seen.records.first(1)
    },
    events: ["scope Success", ...hooks("Sent 200"), "log 200"],
    status: 200
  }
}

interface Around {
  readonly middleware?: Middleware
  readonly tracer?: boolean
}

const arounds: Readonly<Record<string, Around>> = {
  "a logger around it": { middleware: HttpMiddleware.logger },
  "a tracer that sees it": { tracer: true }
}

const check = async (kind: string, moment: Moment, around: Around, leave: (client: WireClient) => void) => {
  const before = holdings()
  const seen = nothingSeen()
  const spans = new Spans()
  {
    await using scene = await open(kinds[kind](moment.handler(seen), around.middleware), seen, {
      around: around.tracer === true ? spans.layer : Layer.empty
    })
    await using client = await scene.connect()
    await moment.reach(client, seen)
    leave(client)
    await seen.records.first(1)
    // a second client is served as usual
    await using another = await scene.connect()
    another.send("GET /elsewhere HTTP/1.0\r\n\r\n")
    await another.all()
  }
  expect(seen.events.entries.slice(0, moment.events.length)).toEqual(moment.events)
  expect(seen.outcomes.length).toBeLessThanOrEqual(2)
  if (around.middleware !== undefined) {
    expect(seen.lines.entries.filter((line) => / \d+$/.test(line))[0]).toMatch(new RegExp(` ${moment.status}$`))
  }
  if (around.tracer === true) expect(spans.statuses("http.server")[0]).toBe(moment.status)
  expect(spans.open).toEqual([])
  await expectReleased(before)
}

for (const kind of someKinds) {
  describe(kind, () => {
    for (const [when, moment] of Object.entries(moments)) {
      for (const [how, around] of Object.entries(arounds)) {
        it(`the client resets ${when}, ${how}`, () => check(kind, moment, around, (client) => client.reset()))
        it(`the client closes ${when}, ${how}`, () => check(kind, moment, around, (client) => client.close()))
      }
    }
  })
}
