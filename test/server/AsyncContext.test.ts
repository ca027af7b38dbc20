/**
 * The async context in which code of an application runs is that of its own connection, as with node:http.
 *
 * The family: everything that the server calls (applications, handlers, iterators, hooks of every kind, log functions) while many
 * connections are served in one turn of the event loop, or outside the events of the connection: by a deadline, by a stop, by the
 * end of another connection.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AsyncLocalStorage } from "node:async_hooks"
import type { App } from "tsgi"
import { AccessLog, NodeListener, Posthooks, ServerConfig, TsgiHttpServer } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { get, request } from "../utils/requests.js"
import { withServer } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"

const storage = new AsyncLocalStorage<string>()

/** The number of clients, enough that they are served together again and again. */
const clientCount = 12
const requestCount = 8

/** The contexts that were seen where they do not belong, by place. */
class Sightings {
  readonly wrong = new Map<string, number>()
  readonly places = new Set<string>()

  /** Called by code that runs for this client. It must not see the context of another one. */
  look(place: string, owner: string): void {
    this.places.add(place)
    const seen = storage.getStore()
    if (seen !== undefined && seen !== owner) this.wrong.set(place, (this.wrong.get(place) ?? 0) + 1)
  }

  expectNone(...places: ReadonlyArray<string>): void {
    assert.deepStrictEqual([...this.wrong], [])
    for (const place of places) assert.isTrue(this.places.has(place), `nothing ran in ${place}`)
  }
}

/** All clients send a request at the same moment, and again when all have their answers. */
const askTogether = async (clients: ReadonlyArray<WireClient>): Promise<void> => {
  for (let i = 0; i < requestCount; i++) {
    for (const [j, client] of clients.entries()) client.send(get(`/client${j}`))
    await Promise.all(clients.map((client) => client.response()))
  }
}

const connectAll = (connect: () => Promise<WireClient>): Promise<ReadonlyArray<WireClient>> =>
  Promise.all(Array.from({ length: clientCount }, connect))

const closeAll = (clients: ReadonlyArray<WireClient>): void => {
  for (const client of clients) client.close()
}

describe("plain TypeScript: the context of a client is its own", () => {
  const shapes: Record<string, (owner: string, seen: Sightings) => ReturnType<App>> = {
    text: () => "hello",
    promise: async (owner, seen) => {
      await new Promise((resolve) => setImmediate(resolve))
      seen.look("behind an await", owner)
      return "hello"
    },
    iterator: (owner, seen) =>
      function*() {
        for (let i = 0; i < 3; i++) {
          seen.look("iterator", owner)
          yield "part"
        }
      }(),
    "async iterator": (owner, seen) =>
      async function*() {
        for (let i = 0; i < 3; i++) {
          seen.look("async iterator", owner)
          yield "part"
          await new Promise((resolve) => setImmediate(resolve))
        }
      }()
  }

  for (const [shape, body] of Object.entries(shapes)) {
    it(`an application that answers with ${shape}`, async () => {
      const seen = new Sightings()
      const app: App = (env, startResponse) => {
        const owner = env.PATH_INFO.slice(1)
        seen.look("application", owner)
        storage.enterWith(owner)
        env["eventlet.posthooks"].push([() => seen.look("hook", owner)])
        env["eventlet.posthooks"].push([async () => {
          await new Promise((resolve) => setImmediate(resolve))
          seen.look("async hook", owner)
        }])
        env["eventlet.posthooks"].push([() => seen.look("hook behind an async hook", owner)])
        startResponse("200 OK", [])
        return body(owner, seen)
      }
      const log = (line: string): void => {
        const owner = / \/(client[0-9]+) /.exec(line)?.[1]
        if (owner !== undefined) seen.look("log", owner)
      }
      await withServer(app, { log }, async ({ connect }) => {
        const clients = await connectAll(connect)
        await askTogether(clients)
        closeAll(clients)
      })
      seen.expectNone("application", "hook", "async hook", "hook behind an async hook", "log")
    })
  }

  it("what runs because the server stops", async () => {
    const seen = new Sightings()
    let begun = 0
    const app: App = (env, startResponse) => {
      const owner = env.PATH_INFO.slice(1)
      storage.enterWith(owner)
      begun++
      env["tsgi.signal"].addEventListener("abort", () => seen.look("signal", owner))
      env["eventlet.posthooks"].push([() => seen.look("hook", owner)])
      startResponse("200 OK", [])
      return new Promise(() => undefined)
    }
    await withServer(app, { timeouts: { interrupt: 10 } }, async ({ connect, running }) => {
      const clients = await connectAll(connect)
      for (const [i, client] of clients.entries()) client.send(get(`/client${i}`))
      while (begun < clientCount) await new Promise((resolve) => setImmediate(resolve))
      await storage.run("whoever stops", () => running.stop({ grace: 0 }))
      closeAll(clients)
    })
    seen.expectNone("signal", "hook")
  })

  it("what runs because a deadline has passed", async () => {
    const seen = new Sightings()
    const app: App = async (env, startResponse) => {
      const owner = env.PATH_INFO.slice(1)
      storage.enterWith(owner)
      env["eventlet.posthooks"].push([() => seen.look("hook", owner)])
      env["tsgi.signal"].addEventListener("abort", () => seen.look("signal", owner))
      await env["wsgi.input"].read().catch(() => seen.look("read", owner))
      startResponse("408 Request Timeout", [])
      return ""
    }
    await withServer(app, { timeouts: { body: 20 } }, async ({ connect }) => {
      const clients = await connectAll(connect)
      for (const [i, client] of clients.entries()) {
        client.send(request("POST", `/client${i}`, ["Content-Length: 5"]))
      }
      await Promise.all(clients.map((client) => client.response()))
      closeAll(clients)
    })
    seen.expectNone("read", "hook")
  })

  it("a connection that was waiting begins in its own context, not in that of the one that made room", async () => {
    const seen = new Sightings()
    const app: App = (env, startResponse) => {
      const owner = env.PATH_INFO.slice(1)
      seen.look("application", owner)
      storage.enterWith(owner)
      startResponse("200 OK", [])
      return "hello"
    }
    await withServer(app, { limits: { connections: 1 } }, async ({ connect }) => {
      for (let i = 0; i < 3; i++) {
        const first = await connect()
        const second = await connect()
        first.send(get(`/first${i}`, "Connection: close"))
        second.send(get(`/second${i}`, "Connection: close"))
        await first.response()
        await second.response()
        closeAll([first, second])
      }
    })
    seen.expectNone("application")
  })
})

describe("the Effect door: the context of a client is its own", () => {
  const kinds: Record<string, Effect.Effect<void>> = {
    "at once": Effect.void,
    "after a yield": Effect.yieldNow(),
    "after a sleep": Effect.sleep(1)
  }
  for (const [kind, wait] of Object.entries(kinds)) {
    it.live(`a handler that answers ${kind}`, () =>
      Effect.gen(function*() {
        const seen = new Sightings()
        const app = Effect.gen(function*() {
          const request = yield* TsgiHttpServer.rawHeaders
          const owner = request.find(([name]) => name === "Owner")?.[1] ?? ""
          seen.look("handler", owner)
          storage.enterWith(owner)
          yield* Posthooks.add(() => Effect.sync(() => seen.look("hook", owner)))
          yield* Posthooks.add(() => Effect.andThen(Effect.yieldNow(), () => seen.look("yielding hook", owner)))
          yield* Posthooks.add(() => Effect.sync(() => seen.look("hook behind a yielding hook", owner)))
          yield* Effect.addFinalizer(() => Effect.sync(() => seen.look("finalizer", owner)))
          yield* wait
          seen.look("handler, later", owner)
          return HttpServerResponse.text("hello")
        })
        const written = AccessLog.layerFunction(({ requestLine }) => {
          const owner = / \/(client[0-9]+) /.exec(requestLine)?.[1]
          if (owner !== undefined) seen.look("access log", owner)
        })
        const layer = HttpServer.serve(app).pipe(
          Layer.provideMerge(TsgiHttpServer.layerWith()),
          Layer.provide(
            Layer.mergeAll(TsgiHttpServer.layerServices, NodeListener.layer({ port: 0, host: "127.0.0.1" }), written)
          ),
          Layer.provide(ServerConfig.layer({ timeouts: { grace: 0 } }))
        )
        yield* Effect.gen(function*() {
          const { address } = yield* HttpServer.HttpServer
          if (address._tag !== "TcpAddress") return assert.fail("no port")
          const clients = yield* Effect.promise(() => connectAll(() => connect(address.port)))
          for (let i = 0; i < requestCount; i++) {
            for (const [j, client] of clients.entries()) {
              client.send(get(`/client${j}`, `Owner: client${j}`))
            }
            yield* Effect.promise(() => Promise.all(clients.map((client) => client.response())))
          }
          closeAll(clients)
        }).pipe(Effect.provide(layer))
        seen.expectNone(
          "handler",
          "handler, later",
          "hook",
          "yielding hook",
          "hook behind a yielding hook",
          "finalizer",
          "access log"
        )
      }))
  }
})
