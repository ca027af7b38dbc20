/**
 * What connections do together in a turn of the event loop: who waits for whom, what leaves when, and that nobody is
 * answered differently for it.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { WireClient } from "tsgi/testing"
import type { Address } from "../../src/server/Address.js"
import type { StopReport } from "../../src/server/Drain.js"
import type { Exchange } from "../../src/server/Exchange.js"
import { Listener } from "../../src/server/Listener.js"
import * as Server from "../../src/server/Server.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import type { Transport, TransportEvents } from "../../src/server/Transport.js"
import { type Member, Turn } from "../../src/server/Turn.js"
import { Journal, turns } from "../utils/Journal.js"
import { type Engine, get, named, serve } from "./fixture.js"

/** A turn that ends when it is told to, and members that write down what they do. */
const scripted = () => {
  const said: Array<string> = []
  const due: Array<() => void> = []
  const turn = new Turn((callback) => due.push(callback))
  let now = 0
  /** Answers in so many milliseconds. */
  const make = (name: string, takes = 0): Member => {
    const self: Member = {
      takeTurn: () => {
        turn.begin(now)
        said.push(`${name} answers`)
        now += takes
        if (!turn.hold(self)) self.sendHeld()
      },
      sendHeld: () => said.push(`${name} sends`)
    }
    return self
  }
  const end = (): void => {
    for (const callback of due.splice(0)) callback()
  }
  const crowd = (): void => {
    const [one, other] = [make("one"), make("other")]
    for (let i = 0; i < 40; i++) {
      for (const each of [one, other]) if (!turn.enter(each)) each.takeTurn()
      end()
    }
    said.length = 0
  }
  return { turn, said, due, make, end, crowd }
}

describe("a turn", () => {
  it("lets nobody wait who is alone, however often it reads", () => {
    const { due, end, make, turn } = scripted()
    let looks = 0
    for (let i = 0; i < 1000; i++) {
      assert.isFalse(turn.enter(make("a")))
      looks += due.length
      end()
    }
    assert.isAtMost(looks, 100)
  })

  it("has all answer what all have read, and then all send", () => {
    const { crowd, end, make, said, turn } = scripted()
    crowd()
    for (const name of ["a", "b", "c"]) assert.isTrue(turn.enter(make(name)))
    assert.deepStrictEqual(said, [])
    end()
    assert.deepStrictEqual(said, ["a answers", "b answers", "c answers", "a sends", "b sends", "c sends"])
  })

  it("sends what has waited long enough before the next answers", () => {
    const { crowd, end, make, said, turn } = scripted()
    crowd()
    for (const each of [make("a", 0.4), make("b", 0.4), make("c", 0.4), make("d", 5), make("e")]) turn.enter(each)
    end()
    assert.deepStrictEqual(said, [
      "a answers",
      "b answers",
      "c answers",
      "a sends",
      "b sends",
      "c sends",
      "d answers",
      "d sends",
      "e answers",
      "e sends"
    ])
  })

  it("holds nothing that is answered outside of it", () => {
    const { crowd, make, turn } = scripted()
    assert.isFalse(turn.hold(make("a")))
    crowd()
    assert.isFalse(turn.hold(make("a")))
  })

  it("ends for one that is alone again", () => {
    const { crowd, end, make, turn } = scripted()
    crowd()
    let waited = 0
    while (turn.enter(make("a"))) {
      waited++
      end()
    }
    assert.isAtLeast(waited, 1)
    assert.isAtMost(waited, 20)
  })

  it("is not taken from the others by one that breaks", () => {
    const { crowd, end, make, said, turn } = scripted()
    crowd()
    turn.enter(make("a"))
    turn.enter({
      takeTurn: () => {
        throw new Error("broken")
      },
      sendHeld: () => undefined
    })
    turn.enter(make("b"))
    assert.throws(end, "broken")
    assert.deepStrictEqual(said, ["a answers", "a sends"])
    end()
    assert.deepStrictEqual(said, ["a answers", "a sends", "b answers", "b sends"])
  })
})

const ok = (exchange: Exchange): void => void exchange.respond({ status: 200, fields: [] }, exchange.request.target)

/** Connections that have just sent something at the same time, so often that the server looks for others. */
const crowd = (connect: Engine["connect"], count: number): Effect.Effect<ReadonlyArray<WireClient>> =>
  Effect.promise(async () => {
    const clients = Array.from({ length: count }, () => connect())
    for (let i = 0; i < 20; i++) {
      for (const client of clients) client.send(get("/before"))
      for (const client of clients) await client.response()
    }
    return clients
  })

/** A transport whose events are told by the test, when it wants. */
class Peer implements Transport {
  readonly local: Address = { _tag: "Tcp", host: "127.0.0.1", port: 80 }
  readonly remote: Address = { _tag: "Tcp", host: "127.0.0.1", port: 50_000 }
  readonly tls = undefined
  readonly pending = 0
  written = ""
  events: TransportEvents = { data: ignore, end: ignore, progress: ignore, closed: ignore }

  get handed(): number {
    return this.written.length
  }

  open(events: TransportEvents): void {
    this.events = events
  }

  write(data: string | Uint8Array): void {
    this.written += typeof data === "string" ? data : Buffer.from(data).toString("latin1")
  }

  cork = ignore
  uncork = ignore
  pause = ignore
  resume = ignore
  end = ignore
  destroy = ignore
  detach = ignore
}

const ignore = (): void => undefined
const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1")

const servePeers = (handler: (exchange: Exchange) => void, config: ServerConfig.Partial) =>
  Effect.gen(function*() {
    let accept: (transport: Transport) => void = ignore
    const listener = Layer.succeed(Listener, {
      bind: ({ accepted }) =>
        Effect.sync(() => {
          accept = accepted
          return { address: new Peer().local, scheme: "http" as const }
        })
    })
    const settings = Layer.succeed(ServerConfig.ServerConfig, ServerConfig.make(config))
    yield* Effect.provide(Server.serve(handler), Layer.mergeAll(listener, Server.layerServices, settings))
    const connect = (): Peer => {
      const peer = new Peer()
      accept(peer)
      return peer
    }
    return { connect }
  })

const crowdOfPeers = (connect: () => Peer, count: number): Effect.Effect<ReadonlyArray<Peer>> =>
  Effect.promise(async () => {
    const peers = Array.from({ length: count }, connect)
    for (let i = 0; i < 20; i++) {
      for (const peer of peers) peer.events.data(bytes(get("/before")))
      await turns(1)
    }
    return peers
  })

const body = (client: WireClient): Effect.Effect<string> =>
  Effect.promise(async () => (await client.response()).body.toString())

describe("connections that read in the same turn", () => {
  it.scoped("are answered together", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve((exchange) => {
        if (exchange.request.target !== "/before") journal.push(exchange.request.target)
        ok(exchange)
      }, journal)
      const [a, b, c] = yield* crowd(connect, 3)
      journal.entries.length = 0
      a.send(get("/a"))
      b.send(get("/b1") + get("/b2"))
      c.send(get("/c"))
      assert.deepStrictEqual(yield* Effect.all([body(a), body(b), body(b), body(c)]), ["/a", "/b1", "/b2", "/c"])
      assert.deepStrictEqual(journal.entries, [
        "/a",
        "/b1",
        "/b2",
        "/c",
        "access Sent",
        "access Sent",
        "access Sent",
        "access Sent"
      ])
    }))

  it.scoped("have their hooks run when the answers are sent", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve((exchange) => {
        const { target } = exchange.request
        exchange.postHook((outcome) => void journal.push(`hook ${target} ${named(outcome)} ${outcome.wireBytes > 0}`))
        journal.push(target)
        ok(exchange)
      }, journal)
      const [a, b] = yield* crowd(connect, 2)
      journal.entries.length = 0
      a.send(get("/a"))
      b.send(get("/b"))
      yield* Effect.all([body(a), body(b)])
      assert.deepStrictEqual(journal.entries, [
        "/a",
        "/b",
        "hook /a Sent true",
        "access Sent",
        "hook /b Sent true",
        "access Sent"
      ])
    }))

  it.scoped("get interim responses and parts of a body at once", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve((exchange) => {
        if (exchange.request.target === "/before") return ok(exchange)
        exchange.interim(103, [["Link", "</a>"]])
        const interim = exchange.wireBytes
        exchange.start({ status: 200, fields: [] })
        exchange.addPart("part")
        exchange.flush()
        journal.push(`${interim > 0} ${exchange.wireBytes > interim}`)
        exchange.finish()
      }, journal)
      const [a, b] = yield* crowd(connect, 2)
      journal.entries.length = 0
      a.send(get("/a"))
      b.send(get("/b"))
      assert.deepStrictEqual(yield* Effect.all([body(a), body(b)]), ["part", "part"])
      assert.deepStrictEqual(journal.entries.slice(0, 2), ["true true", "true true"])
    }))

  it.scopedLive("do not wait for one that takes long before theirs are sent", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* serve((exchange) => {
        const { target } = exchange.request
        if (target === "/before") return ok(exchange)
        journal.push(target)
        const until = performance.now() + 3
        while (target === "/slow" && performance.now() < until);
        ok(exchange)
      }, journal)
      const [a, b, c] = yield* crowd(connect, 3)
      journal.entries.length = 0
      a.send(get("/slow"))
      b.send(get("/b"))
      c.send(get("/slow"))
      yield* Effect.all([body(a), body(b), body(c)])
      assert.deepStrictEqual(journal.entries.slice(0, 3), ["/slow", "access Sent", "/b"])
    }))

  it.scoped("have their requests begin before what comes right behind them", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      const { connect } = yield* servePeers((exchange) => {
        const { target } = exchange.request
        if (target === "/before") return ok(exchange)
        journal.push(target)
        exchange.running((reason, ended) => {
          journal.push(`${target} told ${reason}`)
          ended()
        })
      }, { halfClose: "abort" })
      const [ending, leaving, staying] = yield* crowdOfPeers(connect, 3)
      ending.events.data(bytes(get("/ending")))
      leaving.events.data(bytes(get("/leaving")))
      staying.events.data(bytes(get("/staying")))
      assert.deepStrictEqual(journal.entries, [])
      ending.events.end()
      leaving.events.closed(undefined)
      assert.deepStrictEqual(journal.entries, [
        "/ending",
        "/ending told ClientGone",
        "/leaving",
        "/leaving told ClientGone"
      ])
      yield* Effect.promise(() => turns(1))
      assert.deepStrictEqual(journal.entries.slice(4), ["/staying"])
      staying.events.closed(undefined)
    }))

  it.scoped("are answered when the server stops before their turn", () =>
    Effect.gen(function*() {
      const journal = new Journal<string>()
      let stopped: Fiber.RuntimeFiber<StopReport> | undefined
      const { connect, running } = yield* serve((exchange) => {
        if (exchange.request.target === "/a") stopped = Effect.runFork(running.stop())
        ok(exchange)
      }, journal)
      const [a, b] = yield* crowd(connect, 2)
      a.send(get("/a"))
      b.send(get("/b"))
      assert.deepStrictEqual(yield* Effect.all([body(a), body(b)]), ["/a", "/b"])
      for (const client of [a, b]) yield* Effect.promise(() => client.whenEnded())
      for (const client of [a, b]) client.close()
      if (stopped === undefined) return assert.fail("not stopped")
      const report = yield* Fiber.join(stopped)
      assert.deepInclude(report, { connections: 2, idle: 0, finished: 2, interrupted: 0 })
    }))

  it.scoped("are read on where one of them reads more than it could answer", () =>
    Effect.gen(function*() {
      const { connect } = yield* serve((exchange) => {
        if (exchange.request.target === "/before") return ok(exchange)
        let length = 0
        exchange.running((_, ended) => ended())
        const pull = (): void => {
          for (let piece = exchange.body.take();; piece = exchange.body.take()) {
            if (piece === undefined) return void exchange.body.wait(pull)
            if (!(piece instanceof Uint8Array)) break
            length += piece.length
          }
          exchange.ended()
          exchange.respond({ status: 200, fields: [] }, String(length))
        }
        pull()
      })
      const [a, b] = yield* crowd(connect, 2)
      a.send(`POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n`)
      a.send(new Uint8Array(300_000))
      b.send(get("/before"))
      assert.deepStrictEqual(yield* Effect.all([body(a), body(b)]), ["300000", "/before"])
    }))
})
