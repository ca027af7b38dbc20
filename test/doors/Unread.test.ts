/** A body that nobody reads has an end at both doors: the client is answered, the handler stopped, and the hooks run once. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { listen, type Outcome, server } from "tsgi"
import { Posthooks } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import { startListening } from "../server/lastBound.js"
import { Journal, turns } from "../utils/Journal.js"
import { head, post, postChunked, request } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"

const named = (outcome: Outcome | undefined): string =>
  outcome?._tag === "Aborted" ? outcome.reason : String(outcome?._tag)

interface Options {
  readonly timeouts: { readonly request?: number; readonly grace?: number }
}

/** Handlers that wait for what never comes. */
const doors = {
  facade: async (journal: Journal<string>, options: Options) => {
    const running = server(listen({ host: "127.0.0.1", port: 0 }), async (env, startResponse) => {
      env["eventlet.posthooks"].push([(env) => journal.push(`hook ${named(env["tsgi.outcome"])}`)])
      const signal = env["tsgi.signal"]
      journal.push("begun")
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }))
      journal.push("stopped")
      startResponse("200 OK", [])
      return "hello"
    }, { logOutput: false, ...options })
    const address = await running.ready
    return { port: address._tag === "Tcp" ? address.port : 0, stop: () => running.stop() }
  },
  effect: (journal: Journal<string>, { timeouts }: Options) =>
    startListening(
      Effect.gen(function*() {
        yield* Posthooks.add((outcome) => Effect.sync(() => journal.push(`hook ${named(outcome)}`)))
        yield* Effect.addFinalizer((exit) =>
          Effect.sync(() => {
            if (Exit.isFailure(exit)) journal.push("stopped")
          })
        )
        journal.push("begun")
        return yield* Effect.never
      }).pipe(Effect.orDie, Effect.as(HttpServerResponse.text("hello"))),
      timeouts
    )
}

const stalled: Record<string, readonly [request: string, status: number, outcome: string]> = {
  "a body of known length": [request("POST", "/", ["Content-Length: 10"], "abc"), 408, "ReadTimeout"],
  "a body of HTTP/1.0": [`${head("POST / HTTP/1.0", "Content-Length: 10")}abc`, 408, "ReadTimeout"],
  "a chunk extension": [postChunked("/", "1;a"), 408, "ReadTimeout"],
  "trailers": [postChunked("/", "0\r\na: b\r\n"), 408, "ReadTimeout"],
  "a body for which there is no room": [
    post("/", "a".repeat(1_000_000)),
    503,
    "Failed"
  ]
}

describe.each(Object.entries(doors))("at the door %s", (_, serve) => {
  it.each(Object.entries(stalled))("%s", async (_, [request, status, outcome]) => {
    const journal = new Journal<string>()
    const { port, stop } = await serve(journal, { timeouts: { request: 200, grace: 0 } })
    await using client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
    client.send(request)
    const answer = await client.response()
    expect([answer.status, answer.get("connection")]).toEqual([status, "close"])
    await client.whenEnded()
    await journal.first(3)
    await stop()
    expect([...journal.entries].sort()).toEqual(["begun", `hook ${outcome}`, "stopped"])
  })

  it.each([0, Infinity])("timeouts.request: %d switches that off", async (request) => {
    const journal = new Journal<string>()
    const { port, stop } = await serve(journal, { timeouts: { request, grace: 0 } })
    const client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
    client.send(stalled.trailers[0])
    await journal.first(1)
    // at once would be now
    await turns(100)
    client.reset()
    await journal.first(3)
    await stop()
    expect([...journal.entries].sort()).toEqual(["begun", "hook ClientGone", "stopped"])
  })
})
