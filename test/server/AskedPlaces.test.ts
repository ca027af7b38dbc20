/**
 * An answer ends its connection for a request that waits only if that may be given its place: a request of the same address, or
 * of one that has less than its share of the places. What is not a request yet ends no other's connection.
 *
 * The family: how much has come of what waits, before the head of the answer or after it; whose it is, and how many places that
 * address has.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { WireClient } from "tsgi/testing"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import { Http1Place } from "../../src/http1/Http1Place.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, post, request } from "../utils/requests.js"
import { serve } from "./engine.js"

const settled = Effect.promise(() => turns(20))

/** What has come of the request that waits, and whether it is one. */
const come: Readonly<Record<string, { readonly text: string; readonly asks: boolean }>> = {
  "nothing": { text: "", asks: false },
  "a byte": { text: "G", asks: false },
  "half a head": { text: "GET / HTTP/1.1\r\nHost: a\r\nX: ", asks: false },
  "a head": { text: request("POST", "/work", ["Content-Length: 5"], "abc"), asks: true },
  "a whole request": { text: post("/work", "abcde"), asks: true }
}

/** Whose it is: its address, how many places that has with and without that of the answer, and whether it may have more. */
interface Asker {
  readonly host: string
  readonly places: number
  readonly isEntitled: boolean
}

/** There are eight places, and the share of an address is four. */
const limits = { connections: 8, addressShare: 0.5 }
const own = "192.0.2.1"
const other = "192.0.2.2"
const trusted = "192.0.2.3"

const askers: Readonly<Record<string, Asker>> = {
  "another address that has no place": { host: other, places: 0, isEntitled: true },
  "another address that has less than its share": { host: other, places: 3, isEntitled: true },
  "another address that has its share": { host: other, places: 4, isEntitled: false },
  "another address that has more than its share": { host: other, places: 7, isEntitled: false },
  "an address without a share": { host: trusted, places: 7, isEntitled: true },
  "the same address, which has less than its share": { host: own, places: 2, isEntitled: true },
  "the same address, which has its share": { host: own, places: 3, isEntitled: true },
  "the same address, which has more than its share": { host: own, places: 7, isEntitled: true }
}

const moments = ["before the head", "after the head"] as const

const cases = Object.keys(askers).flatMap((asker) =>
  Object.keys(come).flatMap((text) => moments.map((moment) => [text, asker, moment] as const))
)

/** All places are taken by requests that are being answered, one of the address `own`, and `places` of another or the same. */
const scene = ({ host, places }: Asker) =>
  Effect.gen(function*() {
    let answered: DoorExchange | undefined
    const { connect, running } = yield* serve(
      (exchange) => {
        if (exchange.request.target === "/answered") answered = exchange
        exchange.running((_, ended) => ended())
      },
      new Journal(),
      {
        limits,
        trustedProxies: { trusts: (address) => address._tag === "Tcp" && address.host === trusted }
      }
    )
    const clients: Array<WireClient> = []
    const connectFrom = (host: string, text: string): WireClient => {
      const client = connect({ remote: { _tag: "Tcp", host, port: 1 } })
      if (text !== "") client.send(text)
      clients.push(client)
      return client
    }
    yield* Effect.addFinalizer(() => {
      for (const client of clients) client.reset()
      return settled
    })
    const client = connectFrom(own, get("/answered"))
    for (let at = 1; at < limits.connections; at++) {
      connectFrom(at <= places ? host : `198.51.100.${at}`, get("/work"))
    }
    yield* settled
    expect(yield* running.connections).toEqual({ open: 8, waiting: 0 })
    if (answered === undefined) throw new Error("there is no request to answer")
    return { answered, client, connectFrom }
  })

describe("a connection persists or closes as it must where", () => {
  it.scoped.each(cases)("%s has come from %s, %s of its answer", ([text, asker, moment]) =>
    Effect.gen(function*() {
      const { answered, client, connectFrom } = yield* scene(askers[asker])
      const { asks, text: waiting } = come[text]
      if (moment === "after the head") {
        answered.start({ status: 200, fields: [] }, 5)
        answered.sendHead()
        answered.flush()
      }
      connectFrom(askers[asker].host, waiting)
      yield* settled
      if (moment === "before the head") answered.start({ status: 200, fields: [] }, 5)
      answered.addPart("hello")
      answered.finish()
      answered.ended()
      yield* settled
      const response = yield* Effect.promise(() => client.response())
      const closes = asks && askers[asker].isEntitled
      const said = closes && moment === "before the head" ? "close" : undefined
      expect([response.status, response.get("connection"), client.ended]).toEqual([200, said, closes])
    }))
})

describe("an answer", () => {
  /** How often something was read of any place while a request was answered, beside connections that wait. */
  const readsBeside = (waiting: number) =>
    Effect.gen(function*() {
      const { connect } = yield* serve(
        (exchange) => {
          if (exchange.request.target === "/work") exchange.running((_, ended) => ended())
          else exchange.respond({ status: 200, fields: [] }, "hello")
        },
        new Journal(),
        { limits: { connections: 2, waitingConnections: 1000 } }
      )
      const [client, busy, ...others] = Array.from({ length: 2 + waiting }, () => connect())
      yield* Effect.addFinalizer(() => {
        for (const each of [client, busy, ...others]) each.reset()
        return settled
      })
      busy.send(get("/work"))
      yield* settled
      let reads = 0
      const accessors = Object.getOwnPropertyDescriptors(Http1Place.prototype)
      for (const [name, { get }] of Object.entries(accessors)) {
        if (get === undefined) continue
        Object.defineProperty(Http1Place.prototype, name, {
          configurable: true,
          get(): unknown {
            reads++
            return Reflect.apply(get, this, [])
          }
        })
      }
      client.send(get())
      yield* settled
      Object.defineProperties(Http1Place.prototype, accessors)
      const response = yield* Effect.promise(() => client.response())
      expect([response.status, response.get("connection")]).toEqual([200, undefined])
      return reads
    }).pipe(Effect.scoped)

  it.effect("reads nothing of the connections that wait", () =>
    Effect.gen(function*() {
      expect(yield* readsBeside(500)).toBe(yield* readsBeside(0))
    }))
})
