/**
 * What a connection throws while it takes, gives up or is refused a place ends that connection. The one whose request or end led
 * to it goes on.
 *
 * The family: everything that one connection makes another do: take up its waiting request, give up its place, be turned away,
 * be dropped.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/TestClock"
import type { WireClient } from "tsgi/testing"
import * as RequestParser from "../../src/server/RequestParser.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { serve } from "./engine.js"

const parser = RequestParser.make(ServerConfig.make({}))

/** Parsers that break at the request `/broken`, and when they are asked for a request line within a head. */
const breaking = Layer.succeed(RequestParser.RequestParser, {
  make: () => {
    const reader = parser.make()
    const next = reader.next.bind(reader)
    return Object.defineProperty(
      Object.assign(reader, {
        next: () => {
          const message = next()
          if (message?._tag === "RequestStart" && message.head.target === "/broken") throw new Error("a broken parser")
          return message
        }
      }),
      "requestLine",
      {
        get: () => {
          throw new Error("a broken parser")
        }
      }
    )
  }
})

interface Scene {
  readonly limits?: Partial<ServerConfig.ServerLimits>
  /** What the client sends whose connection is to break. */
  readonly broken: string
  /** Who sends its request first. */
  readonly first: "broken" | "other"
}

const scenes: Readonly<Record<string, Scene>> = {
  "takes up a request": { first: "other", broken: get("/ok") + get("/broken") },
  "gives up its place within a body": { first: "broken", broken: request("POST", "/body", ["Content-Length: 5"]) },
  "gives up its place within a head": { first: "broken", broken: "GET / HTTP/1.1\r\n" },
  "is dropped within a head": {
    limits: { waitingConnections: 0 },
    first: "broken",
    broken: "GET / HTTP/1.1\r\n"
  },
  "is turned away": { limits: { waitingConnections: 0 }, first: "other", broken: "" }
}

const settled = Effect.promise(() => turns(20))

describe("a connection that breaks when it", () => {
  it.scoped.each(Object.entries(scenes))("%s", ([, { broken, first, limits }]) =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const working: Array<() => void> = []
      const { connect, running } = yield* serve(
        (exchange) => {
          const answer = (): void => void exchange.respond({ status: 200, fields: [["Connection", "close"]] }, "other")
          if (exchange.request.target === "/work") working.push(answer)
          else if (exchange.hasBody) {
            exchange.body.wait(() => {
              throw new Error("a broken reader")
            })
          } else exchange.respond({ status: 200, fields: [] }, "ok")
        },
        journal,
        { limits: { connections: 1, ...limits } },
        breaking
      )
      const begin = (text: string) => {
        const client = connect()
        if (text !== "") client.send(text)
        return Effect.as(settled, client)
      }
      const clients: Array<WireClient> = []
      for (const text of first === "broken" ? [broken, get("/work")] : [get("/work"), broken]) {
        clients.push(yield* begin(text))
        yield* TestClock.adjust("1100 millis")
        yield* settled
      }
      const [one, two] = clients
      const other = first === "broken" ? two : one
      // an error of the other connection must not reach this application
      assert.lengthOf(working, 1)
      working[0]()
      yield* settled
      assert.isAbove(other.received, 0)
      assert.strictEqual((yield* Effect.promise(() => other.response())).body.toString(), "other")
      assert.isTrue((other === one ? two : one).ended)
      yield* running.stop({ grace: 0 })
    }))
})
