/**
 * A body is let go itself and at once, by its own method: `cancel`, `destroy`, disposal, `close`, and a generator by `return`.
 * The family: every kind of body against every way in which it is no longer needed, at two doors and with RUNS at every one.
 * wsgi/FetchApp.test.ts has a Response, and platform/RawBodies.test.ts what only raw bodies are.
 */
import * as fs from "node:fs"
import { Readable } from "node:stream"
import type { WireClient } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, head, upgrade } from "../utils/requests.js"
import { type Call, type Head, type Options, twoDoors } from "./everyDoor.js"

const never = new Promise<never>(() => undefined)

/** Makes a body that yields nothing, and reports when it was let go. */
type Quiet = (letGo: () => void) => AsyncIterable<string>

const iterates: AsyncIterable<string> = { [Symbol.asyncIterator]: () => ({ next: () => never }) }

const quiet: Readonly<Record<string, Quiet>> = {
  "a ReadableStream": (letGo) => new ReadableStream<string>({ cancel: letGo }),
  "a ReadableStream that waits in its pull": (letGo) =>
    new ReadableStream<string>({ pull: () => never, cancel: letGo }),
  "a Node stream": (letGo) =>
    new Readable({
      read: () => undefined,
      destroy: (error, done) => {
        letGo()
        done(error)
      }
    }),
  "a Node stream that fails when it is destroyed": (letGo) =>
    new Readable({
      read: () => undefined,
      destroy: (_, done) => {
        letGo()
        done(new Error("not closed well"))
      }
    }),
  "what has cancel": (letGo) => ({ ...iterates, cancel: letGo }),
  "what has destroy": (letGo) => ({ ...iterates, destroy: letGo }),
  "what is disposed of in time": (letGo) => ({ ...iterates, [Symbol.asyncDispose]: async () => letGo() }),
  "what is disposed of": (letGo) => ({ ...iterates, [Symbol.dispose]: letGo }),
  "what has close": (letGo) => ({ ...iterates, close: letGo }),
  "what is never let go to its end": (letGo) => ({
    ...iterates,
    cancel: () => {
      letGo()
      return never
    }
  }),
  "an iterator that returns at once": (letGo) => ({
    ...iterates,
    next: () => never,
    return: async () => letGo()
  })
}

/** The client leaves, and the server has had time to learn that. */
const leave = async (client: WireClient): Promise<void> => {
  client.reset()
  await turns(20)
}

/** A way in which the body is no longer needed. */
interface Way {
  /** What the application does before it returns the body. `left` opens when the client has left. */
  readonly first?: (call: Call, left: Promise<void>) => Promise<void>
  readonly head?: Head
  readonly request?: string
  /** With `at once` the client is reset when the application has begun, with `within` when it has the head. */
  readonly leaves?: "at once" | "within"
  /** At the plain door, an application whose head is refused has not given its body. */
  readonly onlyEffect?: boolean
}

const ways: Readonly<Record<string, Way>> = {
  "the client leaves before": { first: (_, left) => left, leaves: "at once" },
  "the client leaves at once": { leaves: "at once" },
  "the client leaves within": { leaves: "within" },
  "HEAD": { request: head("HEAD / HTTP/1.1", "Host: a") },
  "204": { head: { status: 204 } },
  "304": { head: { status: 304 } },
  "the connection was taken over": { first: ({ takeOver }) => takeOver(), request: upgrade() },
  "a head that is refused": { head: { fields: [["A", "\r\n"]] }, onlyEffect: true }
}

/** On sockets. The body is raw at the Effect door, and the application runs on to return it. */
const options: Options = { sockets: true, raw: true, runsOn: true, timeouts: { grace: 0, interrupt: 30 } }

describe.each(twoDoors)("%s: is let go", (door, serve) => {
  const given = Object.entries(ways).filter(([, { onlyEffect = false }]) => !onlyEffect || door !== "plain TypeScript")
  it.each(Object.entries(quiet).flatMap(([kind, make]) => given.map(([name, on]) => [kind, name, make, on] as const)))(
    "%s, when: %s",
    async (_kind, _name, make, { first, head, leaves, request = get() }) => {
      const letGo = gate()
      const over = gate()
      const begun = gate()
      const left = gate()
      await using served = await serve(async (call) => {
        begun.open()
        call.hook(() => over.open())
        if (head !== undefined) call.head(head)
        await first?.(call, left.opened)
        return make(letGo.open)
      }, options)
      const { client } = served
      client.send(request)
      await begun.opened
      if (leaves === "within") await client.head()
      if (leaves !== undefined) await leave(client)
      left.open()
      await letGo.opened
      client.close()
      await over.opened
    }
  )

  it.each(Object.entries(quiet))("%s, when the server stops", async (_, make) => {
    const letGo = gate()
    await using served = await serve(() => make(letGo.open), options)
    const { client, stop } = served
    client.send(get())
    await client.head()
    await stop({ grace: 0 })
    await letGo.opened
  })

  it.each([true, false])("a generator that waits, at its next part (raw: %s)", async (raw) => {
    const wake = gate()
    await using served = await serve(async function*({ note }) {
      try {
        yield "a"
        await wake.opened
        yield "b"
      } finally {
        note("closed")
      }
    }, { ...options, raw })
    const { client, journal } = served
    client.send(get())
    await client.until("a")
    client.reset()
    wake.open()
    await journal.first(1)
    expect(journal.entries[0]).toBe("closed")
  })

  it.skipIf(process.platform !== "linux")("files opened for clients that have left are closed", async () => {
    const clients = 20
    const closed = new Journal<Readable>()
    const left = gate()
    await using served = await serve(async ({ note }) => {
      note("begun")
      await left.opened
      const file = fs.createReadStream("package.json")
      file.once("close", () => closed.push(file))
      return file
    }, options)
    const before = descriptors()
    const all = await Promise.all(Array.from({ length: clients }, served.connect))
    for (const client of all) client.send(get())
    await served.journal.first(clients)
    await Promise.all(all.map(leave))
    left.open()
    await closed.first(clients)
    await Promise.all(all.map((client) => client.whenClosed()))
    expect(descriptors()).toBeLessThanOrEqual(before)
  })

  it("a file that cannot be opened, returned for a client that has left, ends nothing", async () => {
    const over = gate()
    const left = gate()
    await using served = await serve(async ({ hook, note }) => {
      hook(() => over.open())
      note("begun")
      await left.opened
      return fs.createReadStream("/nowhere/at/all")
    }, options)
    served.client.send(get())
    await served.journal.first(1)
    await leave(served.client)
    left.open()
    await over.opened
  })
})

const descriptors = (): number => fs.readdirSync("/proc/self/fd").length
