/**
 * The producer of a body learns when the body is no longer taken, and lets others run meanwhile, at two doors and with RUNS at
 * every one. The family: every kind of producer, against a client that has left, one that gets the end, and one that takes
 * everything at once. wsgi/Write.test.ts has `write`, and wsgi/FetchApp.test.ts a Response.
 */
import { Readable } from "node:stream"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { get, head, request } from "../utils/requests.js"
import { type Body, type Call, type Options, type Part, scoped, twoDoors } from "./everyDoor.js"

/** Gives parts as long as they are taken, and notes when they are not taken any more. */
type Produce = (call: Call, part: () => Part) => Body

function* generator({ note }: Call, part: () => Part): Generator<Part> {
  try {
    while (true) yield part()
  } finally {
    note("over")
  }
}

async function* asyncGenerator(call: Call, part: () => Part): AsyncGenerator<Part> {
  yield* generator(call, part)
}

const stream: Produce = ({ note }, part) =>
  new ReadableStream<Part>({ pull: (controller) => controller.enqueue(part()), cancel: () => note("over") })

const nodeStream: Produce = ({ note }, part) =>
  new Readable({
    read() {
      this.push(part())
    },
    destroy: (error, done) => {
      note("over")
      done(error)
    }
  })

interface Producer {
  readonly produce: Produce
  readonly raw: boolean
}

/** At the Effect door, what is not raw is a Stream of it. */
const producers: Readonly<Record<string, Producer>> = {
  "a generator": { produce: generator, raw: false },
  "an async generator": { produce: asyncGenerator, raw: false },
  "a raw async generator": { produce: asyncGenerator, raw: true },
  "a ReadableStream": { produce: stream, raw: true },
  "a Node stream": { produce: nodeStream, raw: true }
}

const options = (raw: boolean): Options => ({ sockets: true, raw, timeouts: { grace: 0, interrupt: 30 } })

/** More parts than a producer can give in the few turns that another client needs. */
const tooMany = 2_000_000

/** More than the kernel keeps on both sides of a loopback connection. */
const bulk = new Uint8Array(67_108_864)

describe.each(twoDoors)("%s", (door, serve) => {
  describe.each(Object.entries(producers))("%s", (_, { produce, raw }) => {
    it("ends when its client has left", async () => {
      await using served = await serve((call) => {
        call.hook((outcome) => call.note(`${outcome?._tag}`))
        call.finalizer((exit) => call.note(`scope ${exit}`))
        return produce(call, () => "a row\n")
      }, options(raw))
      const { client, journal } = served
      client.send(get())
      await client.until("a row")
      client.reset()
      const notes = ["over", ...scoped(door, "ClientGone"), "Aborted", "log 200"]
      expect(await journal.first(notes.length)).toEqual(notes)
    })

    it("ends when it waits for room", async () => {
      await using served = await serve((call) => produce(call, () => bulk), options(raw))
      const { client, journal } = served
      client.pause()
      client.send(get())
      await turns(20)
      expect(journal.entries).toEqual([])
      client.reset()
      expect(await journal.first(2)).toEqual(["over", "log 200"])
    })

    it("ends when the server stops", async () => {
      await using served = await serve((call) => produce(call, () => bulk), options(raw))
      const { client, journal, stop } = served
      client.send(get())
      await client.head()
      client.pause()
      expect(await stop({ grace: 0 })).toMatchObject({ interrupted: 1 })
      expect(journal.entries).toEqual(["over", "log 200"])
    })

    it("lets others run, whoever takes it", async () => {
      const begun = gate()
      let isFirst = true
      let asked = 0
      await using served = await serve((call) => {
        if (!isFirst) return "other"
        isFirst = false
        begun.open()
        return produce(call, () => {
          // a loop that lets no other run would keep this process for ever
          if (asked++ === tooMany) throw new Error("no other client had a turn")
          return ""
        })
      }, options(raw))
      const { client, connect } = served
      const other = await connect()
      client.send(get())
      await begun.opened
      other.send(get())
      expect((await other.response()).body.toString()).toBe("other")
      expect(asked).toBeLessThan(tooMany)
    })

    it("to HEAD the head is the end of it, whatever comes of the body", async () => {
      await using served = await serve((call) => produce(call, () => "x"), options(raw))
      const { client } = served
      for (let i = 0; i < 2; i++) {
        client.send(head("HEAD / HTTP/1.1", "Host: a"))
        expect((await client.response("HEAD")).status).toBe(200)
      }
    })
  })

  const waiting: Readonly<Record<string, (call: Call) => Body>> = {
    async *"an async generator"({ signal }) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve))
      yield "late"
    },
    "a ReadableStream": () => new ReadableStream<string>(),
    "a Node stream": () => new Readable({ read: () => undefined }),
    "what has its own iterator": () => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) })
    })
  }

  describe.each(Object.entries(waiting))("the head goes ahead of %s", (name, body) => {
    const raw = name !== "an async generator"

    it("that waits", async () => {
      await using served = await serve(body, options(raw))
      const { client } = served
      client.send(get())
      const head = await client.head()
      expect([head.status, head.get("Transfer-Encoding")]).toEqual([200, "chunked"])
      client.reset()
    })

    it("and to HEAD is the end", async () => {
      await using served = await serve(body, options(raw))
      const { client } = served
      for (let i = 0; i < 2; i++) {
        client.send(head("HEAD / HTTP/1.1", "Host: a"))
        expect((await client.response("HEAD")).status).toBe(200)
      }
    })
  })

  it.each<readonly [string, () => Body, boolean]>([
    ["a generator", async function*(): AsyncGenerator<string> {
      throw new Error("at once")
    }, false],
    ["a raw generator", async function*(): AsyncGenerator<string> {
      throw new Error("at once")
    }, true],
    ["a ReadableStream", () => new ReadableStream<string>({ pull: () => Promise.reject(new Error("at once")) }), true]
  ])("what fails at once is answered 500: %s", async (_, body, raw) => {
    await using served = await serve(body, options(raw))
    served.client.send(get())
    expect((await served.client.response()).status).toBe(500)
  })

  // the plain door waits a little for the first part; the Effect door sends a head as soon as it must wait
  it.each<readonly [string, () => Body, boolean]>([
    ["a generator", async function*(): AsyncGenerator<string> {
      await turns(2)
      throw new Error("soon")
    }, false],
    // the stream of a missing file does this too, but only when Node's threads have time for it
    ["a file that is not there", () => {
      const missing = Object.assign(new Error("no such file"), { code: "ENOENT" })
      return new Readable({ construct: (opened) => void setImmediate(() => setImmediate(opened, missing)) })
    }, true]
  ])("what fails soon is answered 500 at the plain door, and else cut: %s", async (_, body, raw) => {
    await using served = await serve(body, options(raw))
    const { client, records } = served
    client.send(get())
    const head = await client.head()
    const [{ outcome }] = await records.first(1)
    const status = door === "plain TypeScript" ? 500 : 200
    expect([head.status, outcome]).toMatchObject([status, { _tag: "Failed", status }])
    if (status === 200) expect((await client.all()).toString()).toBe("")
  })

  it("a request's body ends for its reader with the exchange", async () => {
    const ended = gate<unknown>()
    await using served = await serve(({ read }) => {
      void read().catch(ended.open)
      return "not read"
    }, { sockets: true })
    const { client } = served
    client.send(request("POST", "/", ["Content-Length: 5"]))
    expect((await client.response()).status).toBe(200)
    const closed = { _tag: "BodyError", reason: "Closed" }
    expect(await ended.opened).toMatchObject(
      door === "plain TypeScript" ? closed : { _tag: "RequestError", cause: closed }
    )
  })
})
