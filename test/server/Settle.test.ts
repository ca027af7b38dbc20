/**
 * Requests that have arrived are answered, and so are those that arrive while the server settles.
 *
 * The family: a request in the kernel, of a connection that is idle, or is new, or waits to be accepted, for its handshake or for
 * a place; one that is under way when the stop begins.
 */
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/TestClock"
import { connect as connectTcp } from "node:net"
import { listen, OptionError, server, wrapTls } from "tsgi"
import { describe, expect, vi } from "vitest"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { Http1Session } from "../../src/http1/Http1Session.js"
import { makeCertificate } from "../utils/certificate.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"
import { connectTls } from "../utils/sockets.js"
import { serve } from "./engine.js"
import { servePeers, told } from "./Peer.js"

const answering = (exchange: Exchange): void => {
  exchange.respond({ status: 200, fields: [] }, exchange.request.target)
}
const pass = Effect.promise(() => turns(20))

describe("what has arrived", () => {
  it("is answered on a connection that was idle, and on one that had not asked", () =>
    withServer(hello, {}, async ({ connect, running }) => {
      const kept = await connect()
      kept.send(get("/"))
      expect((await kept.response()).status).toBe(200)
      const fresh = await connect()
      // the requests are in the server's kernel before its event loop has read them
      for (const client of [kept, fresh]) client.send(get("/"))
      const stopped = running.stop()
      for (const client of [kept, fresh]) {
        const response = await client.response()
        expect([response.status, response.get("connection")]).toEqual([200, "close"])
        client.close()
      }
      expect(await stopped).toMatchObject({ connections: 2, idle: 0, finished: 2 })
    }))

  it("is answered on connections that wait to be accepted", () =>
    withServer(hello, {}, async ({ address, running }) => {
      if (address._tag !== "Tcp") throw new Error("not TCP")
      const answers = Array.from({ length: 20 }, () =>
        new Promise<string>((resolve) => {
          let text = ""
          const socket = connectTcp(address.port, address.host, () => socket.write(get("/")))
          socket.on("data", (bytes: Buffer) => text += bytes.toString("latin1"))
          socket.on("error", (error) => text += String(error))
          socket.on("close", () => resolve(text))
        }))
      // the kernel has the connections, and this process, which listens, has not heard of them
      const until = performance.now() + 20
      while (performance.now() < until);
      await running.stop()
      for (const answer of await Promise.all(answers)) expect(answer).toMatch(/^HTTP\/1.1 200/)
    }))

  it("is answered on a connection that waits for room", () =>
    withServer(hello, { maxSize: 1 }, async ({ connect, running }) => {
      const first = await connect()
      first.send(get("/"))
      await first.response()
      const second = await connect()
      second.send(get("/"))
      const stopped = running.stop()
      expect((await second.response()).status).toBe(200)
      second.close()
      await stopped
    }))
})

describe("each connection is told once that the server stops", () => {
  it.scoped("when that begins, whatever the connection is doing, and where it comes while the server settles", () =>
    Effect.gen(function*() {
      const drained: Array<number> = []
      const drain = vi.spyOn(Http1Session.prototype, "drain").mockImplementation(function(this: Http1Session) {
        drained.push(this.peer.id)
      })
      yield* Effect.addFinalizer(() => Effect.sync(() => drain.mockRestore()))
      const { connect, running } = yield* servePeers((exchange) => {
        if (exchange.request.target === "/work") exchange.running((_, ended) => ended())
        else answering(exchange)
      }, {})
      for (const bytes of ["", get("/"), get("/work"), "GET /"]) {
        connect().events.data(told(bytes))
        yield* pass
      }
      expect(drained).toEqual([])
      const stopping = yield* Effect.fork(running.stop({ settle: 1000, grace: 0 }))
      yield* pass
      expect(drained.sort()).toEqual([1, 2, 3, 4])
      connect()
      yield* pass
      expect(drained).toEqual([1, 2, 3, 4, 5])
      yield* TestClock.adjust(10_000)
      yield* Fiber.join(stopping)
      expect(drained).toEqual([1, 2, 3, 4, 5])
    }))
})

describe("settle", () => {
  it.scoped("keeps idle connections, also those that have not asked, and answers what comes", () =>
    Effect.gen(function*() {
      const { connect, running } = yield* serve(answering)
      const kept = connect()
      kept.send(get())
      assert.strictEqual((yield* Effect.promise(() => kept.response())).get("connection"), undefined)
      const fresh = connect()
      const unused = connect()
      yield* pass
      const stopping = yield* Effect.fork(running.stop({ settle: 1000, grace: 0 }))
      yield* pass
      assert.throws(() => connect(), "no server listens")
      yield* TestClock.adjust(999)
      yield* pass
      assert.deepStrictEqual([kept.ended, fresh.ended, unused.ended], [false, false, false])
      for (const client of [kept, fresh]) {
        client.send(get("/late"))
        const response = yield* Effect.promise(() => client.response())
        assert.deepStrictEqual([response.body.toString(), response.get("connection")], ["/late", "close"])
        client.close()
      }
      yield* pass
      assert.isFalse(unused.ended)
      yield* TestClock.adjust(1)
      yield* Effect.promise(() => unused.whenEnded())
      assert.deepInclude(yield* Fiber.join(stopping), { connections: 3, idle: 1, finished: 2, duration: 1000 })
    }))

  it.scoped("counts for each from when it became idle, where its client was told that it is kept", () =>
    Effect.gen(function*() {
      const { connect, running } = yield* serve((exchange) => {
        assert.strictEqual(exchange.start({ status: 200, fields: [] }, 2), 2)
        exchange.running(() => undefined)
        exchange.addPart("a")
        exchange.flush()
        later = () => {
          exchange.addPart("b")
          exchange.finish()
          exchange.ended()
        }
      })
      let later = (): void => undefined
      const client = connect()
      client.send(get())
      yield* Effect.promise(() => client.until("\r\n\r\na"))
      const stopping = yield* Effect.fork(running.stop({ settle: 1000, grace: 5000 }))
      yield* pass
      yield* TestClock.adjust(2000)
      later()
      yield* Effect.promise(() => client.until("b"))
      yield* pass
      yield* TestClock.adjust(900)
      yield* pass
      assert.isFalse(client.ended)
      yield* TestClock.adjust(250)
      yield* Effect.promise(() => client.whenEnded())
      assert.deepInclude(yield* Fiber.join(stopping), { connections: 1, idle: 1 })
    }))

  it.scoped("has connections that ask leave one after the other, where they are spread", () =>
    Effect.gen(function*() {
      const { connect, running } = yield* serve(answering)
      const clients = Array.from({ length: 10 }, () => connect())
      // the number of the remaining clients that are told that their answer is the last
      const lastAnswers = Effect.promise(async () => {
        const open = clients.filter(({ ended }) => !ended)
        const last = await Promise.all(open.map(async (client) => {
          client.send(get())
          const isLast = (await client.response()).get("connection") === "close"
          if (isLast) client.close()
          return isLast
        }))
        await turns(20)
        return last.filter((isLast) => isLast).length
      })
      yield* lastAnswers
      const stopping = yield* Effect.fork(running.stop({ settle: 1000, spread: 500, grace: 0 }))
      yield* pass
      const left: Array<number> = []
      for (let time = 0; time < 600; time += 100) {
        left.push(yield* lastAnswers)
        yield* TestClock.adjust(100)
        yield* pass
      }
      assert.deepStrictEqual(left, [0, 2, 2, 2, 2, 2])
      assert.deepInclude(yield* Fiber.join(stopping), { connections: 10, finished: 10 })
    }))

  it.scoped("does not wait without connections", () =>
    Effect.gen(function*() {
      const { running } = yield* serve(answering)
      assert.deepInclude(yield* running.stop({ settle: 60_000 }), { connections: 0, duration: 0 })
    }))

  it("lets handshakes that are under way be finished", async () => {
    const certificate = await makeCertificate("localhost")
    const running = server(wrapTls(listen(), certificate), hello, { logOutput: false, timeouts: { settle: 2000 } })
    const address = await running.ready
    const connecting = connectTls(address, { rejectUnauthorized: false })
    // its connection is there, and its handshake has not begun
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    const stopped = running.stop()
    const client = await connecting
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
    client.close()
    expect(await stopped).toMatchObject({ connections: 1, finished: 1 })
  })

  it.each([
    [{ settle: "1s" }, /^settle: must be a number of milliseconds, 0 or more; it is "1s"$/],
    [{ settle: Infinity }, /^settle: .*; it is Infinity$/],
    [{ settle: -1 }, /^settle: .*; it is -1$/],
    [{ spread: -1 }, /^spread: must be a number of milliseconds, 0 or more; it is -1$/],
    [{ timeout: 5 }, /^timeout: there is no such option; known options are grace, settle, spread$/]
  ])("that is invalid stops nothing: %j", async (options, message) => {
    await withServer(hello, { memory: true }, async ({ ask, running }) => {
      const error: unknown = await running.stop(options as never).catch((error: unknown) => error)
      if (!(error instanceof OptionError)) throw new Error(`not an OptionError: ${String(error)}`)
      expect(error.message).toMatch(message)
      expect((await ask(get())).status).toBe(200)
    })
  })

  it("of the options is finite", () => {
    expect(() => server(listen(), hello, { timeouts: { settle: Infinity } })).toThrow(/timeouts.settle: must be/)
  })
})
