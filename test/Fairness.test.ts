/**
 * One connection's share of a turn: whoever sends much at once must not keep others waiting for all of it.
 *
 * The family: a client that has sent many requests ahead, on handlers that answer at once, with hooks, and later; alone
 * and as one of several; what it sends next while it still has a backlog. Counted in requests, and not in time.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { Address, App } from "tsgi"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { get, withServer } from "./eventlet/fixture.js"
import { connect } from "./utils/sockets.js"

/** As many as a read of the socket holds, and more. */
const ahead = 2000
/** What is answered in a turn of the event loop, times the turns that the other's request may be on its way. */
const bound = 64 * 6

const many = (name: string): string => get(`/${name}`).repeat(ahead)

/** In which order requests were seen; the other's is sent when the first of them is. */
class Order {
  readonly seen: Array<string> = []
  sendOther = (): void => undefined

  see(target: string): void {
    if (this.seen.push(target) === 1) this.sendOther()
  }

  get before(): number {
    return this.seen.indexOf("/other")
  }
}

const readAll = async (client: WireClient): Promise<void> => {
  for (let i = 0; i < ahead; i++) expect((await client.response()).status).toBe(200)
}

const check = async (open: () => Promise<WireClient>, order: Order, crowd: number): Promise<void> => {
  const greedy = await Promise.all(Array.from({ length: crowd }, open))
  const other = await open()
  order.sendOther = () => other.send(get("/other"))
  for (const client of greedy) client.send(many("greedy"))
  await other.response()
  expect(order.before).toBeLessThan(crowd * bound)
  // nothing of what was sent ahead is lost
  await Promise.all(greedy.map(readAll))
  expect(order.seen.length).toBe(crowd * ahead + 1)
}

describe("plain TypeScript: another client waits for a share only", () => {
  const kinds: Record<string, (env: Parameters<App>[0]) => ReturnType<App>> = {
    "at once": () => "hello",
    "with a hook": (env) => {
      env["eventlet.posthooks"].push([() => undefined])
      return "hello"
    },
    "with a promise": () => Promise.resolve("hello")
  }
  for (const [kind, answer] of Object.entries(kinds)) {
    it.each([1, 4])(`answered ${kind}, %i that send ahead`, (crowd) => {
      const order = new Order()
      const app: App = (env, startResponse) => {
        order.see(env.PATH_INFO)
        startResponse("200 OK", [])
        return answer(env)
      }
      return withServer(app, { log: () => undefined }, ({ connect }) => check(connect, order, crowd))
    })
  }

  it("a handler that blocks is one request in a turn", () => {
    const order = new Order()
    const app: App = (env, startResponse) => {
      order.see(env.PATH_INFO)
      const until = performance.now() + 3
      while (performance.now() < until);
      startResponse("200 OK", [])
      return "hello"
    }
    return withServer(app, { log: () => undefined }, async ({ connect }) => {
      const [greedy, other] = [await connect(), await connect()]
      order.sendOther = () => other.send(get("/other"))
      greedy.send(get("/greedy").repeat(50))
      await other.response()
      expect(order.before).toBeLessThan(5)
    })
  })
})

describe("the Effect door: another client waits for a share only", () => {
  const kinds: Record<string, Effect.Effect<void, unknown, HttpServerRequest.HttpServerRequest>> = {
    "at once": Effect.void,
    "with a hook": Posthooks.add(() => Effect.void),
    "after a yield": Effect.yieldNow()
  }
  for (const [kind, work] of Object.entries(kinds)) {
    for (const crowd of [1, 4]) {
      it.live(`answered ${kind}, ${crowd} that send ahead`, () => {
        const order = new Order()
        const app = Effect.gen(function*() {
          const { url } = yield* HttpServerRequest.HttpServerRequest
          order.see(url)
          yield* work
          return HttpServerResponse.text("hello")
        })
        return Effect.scoped(Effect.gen(function*() {
          const server = yield* TsgiHttpServer.make({ port: 0, host: "127.0.0.1", timeouts: { grace: 0 } })
          yield* server.serve(app)
          const { address } = server
          if (address._tag !== "TcpAddress") throw new Error("no port")
          const here: Address = { _tag: "Tcp", host: "127.0.0.1", port: address.port }
          const clients: Array<WireClient> = []
          yield* Effect.promise(() =>
            check(
              async () => {
                const client = await connect(here)
                clients.push(client)
                return client
              },
              order,
              crowd
            )
          )
          for (const client of clients) client.close()
        }))
      })
    }
  }
})
