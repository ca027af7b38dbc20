/** Interim responses from handlers and middleware of every kind of app. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { InterimResponses } from "tsgi/effect"
import type { WireClient, WireResponse } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { get, postOf } from "../utils/requests.js"
import {
  type Handler,
  kinds,
  type Middleware,
  nothingSeen,
  open,
  type SceneOptions,
  type Seen,
  someKinds
} from "./scene.js"

const answer = async (
  kind: string,
  handler: Handler,
  talk: (client: WireClient) => void | Promise<void>,
  options: { readonly middleware?: Middleware; readonly seen?: Seen } & Pick<SceneOptions, "config"> = {}
): Promise<WireResponse> => {
  await using scene = await open(kinds[kind](handler, options.middleware), options.seen ?? nothingSeen(), {
    config: options.config,
    memory: true
  })
  await using client = await scene.connect()
  await talk(client)
  return await client.response()
}

const echo: Handler = Effect.flatMap(
  HttpServerRequest.HttpServerRequest,
  (request) => Effect.orDie(Effect.map(request.text, (text) => HttpServerResponse.text(text)))
)

/** Answers with the result of an Effect that sends an interim response. */
const reasonOf = (sent: Effect.Effect<void, InterimResponses.InterimError, HttpServerRequest.HttpServerRequest>) =>
  Effect.map(
    Effect.either(sent),
    (result) => HttpServerResponse.text(Either.isRight(result) ? "sent" : result.left.reason)
  )

const expecting = "Expect: 100-continue"
const http10 = "GET / HTTP/1.0\r\nHost: a\r\n\r\n"

const heads = (response: WireResponse): ReadonlyArray<readonly [number, string | undefined]> =>
  response.interim.map((head) => [head.status, head.get("x-which")] as const)

for (const kind of someKinds) {
  describe(kind, () => {
    it("a stream's first pull sends it too", async () => {
      const handler = Effect.flatMap(
        HttpServerRequest.HttpServerRequest,
        (request) => Effect.map(Stream.runCount(request.stream), (pieces) => HttpServerResponse.text(String(pieces)))
      )
      const response = await answer(kind, Effect.orDie(handler), async (client) => {
        client.send(postOf(5, "", expecting))
        expect((await client.head()).status).toBe(100)
        client.send("hello")
      })
      expect(response.body.toString()).toBe("1")
    })

    it("middleware sends them as well", async () => {
      const hinting: Middleware = (app) =>
        Effect.zipRight(Effect.orDie(InterimResponses.earlyHints({ "X-Which": "middleware" })), app)
      const response = await answer(kind, echo, (client) => client.send(get()), { middleware: hinting })
      expect(heads(response)).toEqual([[103, "middleware"]])
      expect(response.status).toBe(200)
    })

    it("HTTP/1.0 has none: Unsupported", async () => {
      const response = await answer(kind, reasonOf(InterimResponses.earlyHints({})), (client) => client.send(http10))
      expect(response.body.toString()).toBe("Unsupported")
      expect(response.interim).toEqual([])
    })

    it.each<readonly [string, string, 0 | 1]>([["client", http10, 1], ["server", get(), 0]])(
      "the message says that the %s speaks HTTP/1.0",
      async (side, request, maxMinorVersion) => {
        const app = Effect.map(
          Effect.orDie(Effect.flip(InterimResponses.earlyHints({}))),
          ({ message }) => HttpServerResponse.text(message)
        )
        const response = await answer(kind, app, (client) => client.send(request), {
          config: { maxMinorVersion }
        })
        expect(response.body.toString()).toBe(
          `Unsupported: the ${side} speaks HTTP/1.0, which has no interim responses`
        )
      }
    )

    it("after the final head: TooLate", async () => {
      const seen = nothingSeen()
      const late = Effect.flatMap(
        Effect.either(InterimResponses.earlyHints({})),
        (result) => Effect.sync(() => seen.lines.push(Either.isLeft(result) ? result.left.reason : "sent"))
      )
      const handler = Effect.map(
        Effect.context<HttpServerRequest.HttpServerRequest>(),
        (context) =>
          HttpServerResponse.stream(
            Stream.concat(Stream.succeed(new Uint8Array(1)), Stream.drain(Stream.fromEffect(late))).pipe(
              Stream.provideContext(context)
            )
          )
      )
      await answer(kind, handler, (client) => client.send(get()))
      expect(seen.lines.entries).toContain("TooLate")
    })

    it("the fields of a 100 that is out: TooLate", async () => {
      const handler = Effect.zipRight(InterimResponses.continue(), reasonOf(InterimResponses.setContinueHeaders({})))
      const response = await answer(kind, Effect.orDie(handler), (client) => client.send(postOf(1, "a", expecting)))
      expect(response.body.toString()).toBe("TooLate")
    })

    it("an unhandled error is a failure, and the client gets 500", async () => {
      const handler = Effect.as(Effect.orDie(InterimResponses.send(101)), HttpServerResponse.empty())
      expect((await answer(kind, handler, (client) => client.send(get()))).status).toBe(500)
    })
  })
}

for (
  const [what, sent] of [
    ["a line break in a value", InterimResponses.earlyHints({ link: "a\r\nb: c" })],
    ["a name that is no token", InterimResponses.continue({ "a b": "c" })],
    ["a line break in a value of the lazy 100", InterimResponses.setContinueHeaders({ link: "a\r\nb: c" })],
    ["a text in place of fields", InterimResponses.earlyHints("link: a" as never)],
    ["null in place of fields", InterimResponses.setContinueHeaders(null as never)],
    ["a number as a value", InterimResponses.earlyHints({ link: 5 as never })],
    ["a body's length", InterimResponses.earlyHints({ "content-length": "1" })]
  ] as const
) {
  it(`${what} cannot be sent: InvalidHeader`, async () => {
    const response = await answer("HttpApp", reasonOf(sent), (client) => client.send(get()))
    expect(response.body.toString()).toBe("InvalidHeader")
    expect(response.interim).toEqual([])
  })
}

describe("on another HttpServer", () => {
  for (
    const [what, sent] of [
      ["send", InterimResponses.send(102)],
      ["continue", InterimResponses.continue()],
      ["earlyHints", InterimResponses.earlyHints({})],
      ["setContinueHeaders", InterimResponses.setContinueHeaders({})]
    ] as const
  ) {
    it(`${what}: Unsupported`, async () => {
      const text = HttpServer.serve(reasonOf(sent)).pipe(
        Layer.provideMerge(NodeHttpServer.layerTest),
        Layer.build,
        Effect.flatMap((context) =>
          Effect.provide(Effect.flatMap(HttpClient.get("/"), (response) => response.text), context)
        ),
        Effect.scoped
      )
      expect(await Effect.runPromise(text)).toBe("Unsupported")
    })
  }
})
