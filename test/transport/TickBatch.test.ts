/**
 * What connections do together in a turn of the event loop: which one waits for which, when bytes leave, and that the answers are
 * the same.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { WireClient } from "tsgi/testing"
import type { Exchange } from "../../src/exchange/Exchange.js"
import { ServedExchange } from "../../src/exchange/ServedExchange.js"
import type { BindError } from "../../src/exchange/ServerError.js"
import type { StopReport } from "../../src/server/Drain.js"
import { type BatchMember, TickBatch } from "../../src/transport/TickBatch.js"
import { type Engine, named, serve } from "../server/engine.js"
import { type Peer, servePeers, told } from "../server/Peer.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"

/** The least number of connections that are served together. */
const crowdSize = 5

/** A turn that ends when it is told to, and members that note what they do. */
const scripted = () => {
  const said: Array<string> = []
  const due: Array<() => void> = []
  let now = 0
  let held: number | undefined
  const clock = {
    now: () => now,
    hold: (time: number) => {
      held = time
    },
    release: () => {
      held = undefined
    }
  }
  const tick = (): number => held ?? now
  const batch = new TickBatch(clock, (callback) => due.push(callback))
  /** Makes a member that answers after `takes` milliseconds. */
  const make = (name: string, takes = 0): BatchMember => {
    const self: BatchMember = {
      answerRead: () => {
        said.push(`${name} answers`)
        now += takes
        if (batch.defers) return batch.defer(self)
        self.sendDeferred()
        self.deferredSent()
      },
      sendDeferred: () => said.push(`${name} sends`),
      deferredSent: () => said.push(`${name} is over`),
      takeSlice: () => said.push(`${name} takes a slice`),
      broken: () => said.push(`${name} is broken`)
    }
    return self
  }
  const company = (size: number): Array<BatchMember> => Array.from({ length: size }, (_, i) => make(`member ${i}`))
  const end = (): void => {
    for (const callback of due.splice(0)) callback()
  }
  const crowd = (): void => {
    const members = company(crowdSize)
    for (let i = 0; i < 40; i++) {
      for (const each of members) if (!batch.enter(each)) each.answerRead()
      end()
    }
    said.length = 0
  }
  const pass = (milliseconds: number): void => {
    now += milliseconds
  }
  return { batch, tick, said, due, make, company, end, crowd, pass }
}

describe("a turn", () => {
  it("a connection that is alone does not wait, however often it reads", () => {
    const { due, end, make, batch } = scripted()
    let looks = 0
    for (let i = 0; i < 1000; i++) {
      assert.isFalse(batch.enter(make("a")))
      looks += due.length
      end()
    }
    assert.isAtMost(looks, 125)
  })

  it("has all answer what all have read, then all send, and then do what comes after", () => {
    const { crowd, end, make, said, batch } = scripted()
    crowd()
    for (const name of ["a", "b", "c"]) assert.isTrue(batch.enter(make(name)))
    assert.deepStrictEqual(said, [])
    end()
    assert.deepStrictEqual(said, [
      ...["a answers", "b answers", "c answers"],
      ...["a sends", "b sends", "c sends"],
      ...["a is over", "b is over", "c is over"]
    ])
  })

  it("tells each the time at which it answers, and all of them when the last has sent", () => {
    const { crowd, end, pass, tick, batch } = scripted()
    crowd()
    const [answered, over]: [Array<number>, Array<number>] = [[], []]
    const make = (): BatchMember => {
      const self: BatchMember = {
        answerRead: () => {
          answered.push(tick())
          pass(0.25)
          batch.defer(self)
        },
        sendDeferred: () => pass(8),
        deferredSent: () => over.push(tick()),
        takeSlice: () => undefined,
        broken: () => undefined
      }
      return self
    }
    for (const member of [make(), make(), make()]) batch.enter(member)
    end()
    assert.deepStrictEqual(answered, [0, 0.25, 0.5])
    assert.deepStrictEqual(over, [24.75, 24.75, 24.75])
  })

  it("sends what has waited long enough before the next answers", () => {
    const { crowd, end, make, said, batch } = scripted()
    crowd()
    for (const each of [make("a", 0.4), make("b", 0.4), make("c", 0.4), make("d", 5), make("e")]) batch.enter(each)
    end()
    assert.deepStrictEqual(said, [
      "a answers",
      "b answers",
      "c answers",
      "a sends",
      "b sends",
      "c sends",
      "a is over",
      "b is over",
      "c is over",
      "d answers",
      "d sends",
      "d is over",
      "e answers",
      "e sends",
      "e is over"
    ])
  })

  it("looks anew what time it is when what was sent in between took long", () => {
    const { crowd, end, pass, tick, batch } = scripted()
    crowd()
    const said: Array<string> = []
    const make = (name: string, takes: number): BatchMember => {
      const self: BatchMember = {
        answerRead: () => {
          said.push(`${name} ${tick()}`)
          pass(takes)
          batch.defer(self)
        },
        sendDeferred: () => said.push(`${name} sent`),
        deferredSent: () => pass(50),
        takeSlice: () => undefined,
        broken: () => undefined
      }
      return self
    }
    for (const member of [make("a", 2), make("b", 0.5), make("c", 0.25), make("d", 0)]) batch.enter(member)
    end()
    assert.deepStrictEqual(said, ["a 0", "a sent", "b 52", "c 52.5", "d 52.75", "b sent", "c sent", "d sent"])
  })

  it("gives a slice each to those with more work, and goes on after one that breaks", () => {
    const { end, make, said, batch } = scripted()
    for (const each of [make("a"), broken({ takeSlice: breaks }), make("b")]) batch.awaitSlice(each)
    assert.deepStrictEqual(said, [])
    end()
    assert.deepStrictEqual(said, ["a takes a slice", "b takes a slice"])
    toldOnce()
    end()
    assert.deepStrictEqual(said.splice(0).length, 2)
  })

  it("defers nothing that is answered outside of it", () => {
    const { crowd, batch } = scripted()
    assert.isFalse(batch.defers)
    crowd()
    assert.isFalse(batch.defers)
  })

  it("ends for one that is alone again, and not before it is", () => {
    const { crowd, end, make, batch } = scripted()
    const wait = (): number => {
      let waited = 0
      for (const alone = make("a"); waited < 100 && batch.enter(alone); waited++) end()
      return waited
    }
    crowd()
    const first = wait()
    assert.isAtLeast(first, 2)
    assert.isAtMost(first, 20)
    crowd()
    assert.strictEqual(wait(), first)
  })

  it("few connections do not wait, however often they read", () => {
    const { company, end, batch } = scripted()
    const members = company(crowdSize - 1)
    for (let i = 0; i < 1000; i++) {
      for (let j = 0; j < i % 4; j++) for (const member of members) assert.isFalse(batch.enter(member))
      end()
    }
  })

  it("ends for a small company that was a large one", () => {
    const { company, crowd, end, batch } = scripted()
    crowd()
    const members = company(crowdSize - 1)
    let waited = 0
    for (; waited < 100 && members.map((member) => batch.enter(member)).includes(true); waited++) end()
    assert.isAtLeast(waited, 2)
    assert.isAtMost(waited, 20)
  })

  it("begins for a large company of any size, whatever the order in which its members read", () => {
    for (let size = crowdSize; size <= 70; size++) {
      for (const rotation of [0, 1, 5]) {
        const { company, end, batch } = scripted()
        const members = company(size)
        let turns = 0
        for (let waits = false; !waits && turns < 20; turns++) {
          for (const member of members) waits = batch.enter(member)
          members.push(...members.splice(0, rotation))
          end()
        }
        assert.isBelow(turns, 20, `${size} members, ${rotation}`)
      }
    }
  })

  it("goes on for a large one", () => {
    const { company, crowd, end, batch } = scripted()
    crowd()
    const members = company(crowdSize)
    for (let i = 0; i < 100; i++) {
      for (const member of members) assert.isTrue(batch.enter(member))
      end()
    }
  })

  const failures: Array<unknown> = []
  const broken = (member: Partial<BatchMember>): BatchMember => ({
    answerRead: () => undefined,
    sendDeferred: () => undefined,
    deferredSent: () => undefined,
    takeSlice: () => undefined,
    broken: (error) => failures.push(error),
    ...member
  })
  const toldOnce = (): void => assert.deepStrictEqual(failures.splice(0).map(String), ["Error: broken"])
  const breaks = (): never => {
    throw new Error("broken")
  }

  it("is not taken from the others by one that breaks when it answers", () => {
    const { crowd, end, make, said, batch } = scripted()
    crowd()
    for (const each of [make("a"), broken({ answerRead: breaks }), make("b")]) batch.enter(each)
    end()
    assert.deepStrictEqual(said, ["a answers", "b answers", "a sends", "b sends", "a is over", "b is over"])
    toldOnce()
  })

  it("is not taken from the others by one that breaks when it sends", () => {
    const { crowd, end, make, said, batch } = scripted()
    crowd()
    const other = broken({ answerRead: () => batch.defer(other), sendDeferred: breaks })
    for (const each of [make("a"), other, make("b", 5), make("c")]) batch.enter(each)
    end()
    assert.deepStrictEqual(said, [
      ...["a answers", "b answers", "a sends", "b sends", "a is over", "b is over"],
      ...["c answers", "c sends", "c is over"]
    ])
    toldOnce()
  })
})

const ok = (exchange: Exchange): void => void exchange.respond({ status: 200, fields: [] }, exchange.request.target)

const body = (client: WireClient): Effect.Effect<string> =>
  Effect.promise(async () => (await client.response()).body.toString())

interface Crowd extends Engine {
  readonly clients: ReadonlyArray<WireClient>
  readonly journal: Journal<string>
}

/** Serves connections that have sent `/before` at the same time so often that the server serves them together. */
const crowd = (
  handler: (exchange: Exchange, journal: Journal<string>) => void
): Effect.Effect<Crowd, BindError, Scope.Scope> =>
  Effect.gen(function*() {
    const journal = new Journal<string>()
    const engine = yield* serve((exchange) => {
      if (exchange.request.target !== "/before") return handler(exchange, journal)
      journal.push("/before")
      ok(exchange)
    }, journal)
    const clients = Array.from({ length: crowdSize }, engine.connect)
    const together = [...clients.map(() => "/before"), ...clients.map(() => "access Sent")].join()
    for (let i = 0; i < 1000; i++) {
      for (const client of clients) client.send(get("/before"))
      for (const client of clients) yield* body(client)
      if (journal.entries.splice(0).join() === together && i >= 40) return { ...engine, clients, journal }
    }
    return assert.fail("they are not taken together")
  })

const crowdOfPeers = (connect: () => Peer): Effect.Effect<ReadonlyArray<Peer>> =>
  Effect.promise(async () => {
    const peers = Array.from({ length: crowdSize }, connect)
    for (let i = 0; i < 40; i++) {
      const before = peers[0].written.length
      for (const peer of peers) peer.events.data(told(get("/before")))
      if (i === 39) assert.lengthOf(peers[0].written, before)
      await turns(1)
    }
    return peers
  })

describe("connections that read in the same turn", () => {
  it.scoped("are answered together", () =>
    Effect.gen(function*() {
      const { clients: [a, b, c], journal } = yield* crowd((exchange, journal) => {
        journal.push(exchange.request.target)
        ok(exchange)
      })
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
      const { clients: [a, b], journal } = yield* crowd((exchange, journal) => {
        const { target } = exchange.request
        exchange.postHook((outcome) => void journal.push(`hook ${target} ${named(outcome)} ${outcome.wireBytes > 0}`))
        journal.push(target)
        ok(exchange)
      })
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
      const { clients: [a, b], journal } = yield* crowd((exchange, journal) => {
        exchange.interim(103, [["Link", "</a>"]])
        const interim = exchange.wireBytes
        exchange.start({ status: 200, fields: [] })
        exchange.addPart("part")
        exchange.flush()
        journal.push(`${interim > 0} ${exchange.wireBytes > interim}`)
        exchange.finish()
      })
      a.send(get("/a"))
      b.send(get("/b"))
      assert.deepStrictEqual(yield* Effect.all([body(a), body(b)]), ["part", "part"])
      assert.deepStrictEqual(journal.entries.slice(0, 2), ["true true", "true true"])
    }))

  it.scopedLive("do not wait for one that takes long before theirs are sent", () =>
    Effect.gen(function*() {
      const { clients: [a, b, c], journal } = yield* crowd((exchange, journal) => {
        const { target } = exchange.request
        journal.push(target)
        const until = performance.now() + 3
        while (target === "/slow" && performance.now() < until);
        ok(exchange)
      })
      a.send(get("/slow"))
      b.send(get("/b"))
      c.send(get("/slow"))
      yield* Effect.all([body(a), body(b), body(c)])
      assert.deepStrictEqual(journal.entries.slice(0, 3), ["/slow", "access Sent", "/b"])
    }))

  it.scopedLive("begin when they are taken, and are over when the last of them has been sent", () =>
    Effect.gen(function*() {
      let now = 1000
      const entered: Array<number> = []
      const exchanges: Array<Exchange> = []
      const said: Array<string> = []
      const { connect } = yield* Effect.withClock(
        servePeers((exchange) => {
          const { target } = exchange.request
          if (target === "/before") return ok(exchange)
          entered.push(now)
          exchanges.push(exchange)
          now += target === "/long" ? 3 : 0.25
          if (target !== "/b1") {
            exchange.postHook(({ endTime }) => {
              said.push(`${target} ${endTime}`)
              now += 60
            })
          }
          ok(exchange)
        }, {}),
        { ...Clock.make(), unsafeCurrentTimeMillis: () => now }
      )
      const peers = yield* crowdOfPeers(connect)
      for (const peer of peers) {
        const write = peer.write.bind(peer)
        peer.write = (data) => {
          now += 8
          write(data)
        }
      }
      const [a, b, c] = peers
      a.events.data(told(get("/a")))
      b.events.data(told(get("/b1") + get("/b2")))
      c.events.data(told(get("/c")))
      yield* Effect.promise(() => turns(1))
      assert.deepStrictEqual(entered, [1000, 1000.25, 1000.5, 1000.75])
      assert.deepStrictEqual(said, ["/a 1025", "/b2 1025", "/c 1025"])
      const [, second] = exchanges
      assert.instanceOf(second, ServedExchange)
      assert.strictEqual(second.conclude().endTime, 1025)

      a.events.data(told(get("/long")))
      b.events.data(told(get("/next")))
      yield* Effect.promise(() => turns(1))
      // this is after an answer that has waited long enough to be sent, and after its hook
      assert.strictEqual(entered[5], entered[4] + 3 + 8 + 60)
      assert.deepStrictEqual(exchanges.map(({ startTime }) => startTime), entered)
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
      const [ending, leaving, staying] = yield* crowdOfPeers(connect)
      ending.events.data(told(get("/ending")))
      leaving.events.data(told(get("/leaving")))
      staying.events.data(told(get("/staying")))
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
      let stopped: Fiber.RuntimeFiber<StopReport> | undefined
      const scene: Crowd = yield* crowd((exchange) => {
        if (exchange.request.target === "/a") stopped = Effect.runFork(scene.running.stop())
        ok(exchange)
      })
      const [a, b] = scene.clients
      a.send(get("/a"))
      b.send(get("/b"))
      assert.deepStrictEqual(yield* Effect.all([body(a), body(b)]), ["/a", "/b"])
      for (const client of scene.clients) yield* Effect.promise(() => client.whenEnded())
      for (const client of scene.clients) client.close()
      if (stopped === undefined) return assert.fail("not stopped")
      const report = yield* Fiber.join(stopped)
      assert.deepInclude(report, { connections: crowdSize, idle: crowdSize - 2, finished: 2, interrupted: 0 })
    }))

  it.scoped("are read on where one of them reads more than it could answer", () =>
    Effect.gen(function*() {
      const { clients: [a, b] } = yield* crowd((exchange) => {
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
      a.send(request("POST", "/a", ["Content-Length: 300000"]))
      a.send(new Uint8Array(300_000))
      b.send(get("/b"))
      assert.deepStrictEqual(yield* Effect.all([body(a), body(b)]), ["300000", "0"])
    }))
})
