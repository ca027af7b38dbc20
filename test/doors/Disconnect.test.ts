/**
 * A client that leaves, at some doors and with RUNS at every one: the application is interrupted, the request's scope closes once
 * with the reason, then the hooks run, then the line is logged, and nothing is left.
 *
 * The family: every moment at which a client can leave, by a reset and by closing. platform/Disconnect.test.ts has what
 * middleware and tracers see of it, and LetGo.test.ts the end of bodies.
 */
import { Buffer } from "node:buffer"
import type { Outcome } from "tsgi"
import type { WireClient } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { named } from "../platform/scene.js"
import { gate } from "../utils/gate.js"
import { expectReleased, holdings } from "../utils/holdings.js"
import { turns } from "../utils/Journal.js"
import { get, request } from "../utils/requests.js"
import { scoped, type Script, type Serve, type Served, someDoors } from "./everyDoor.js"
import { endlessBody, workUntilInterrupted } from "./scripts.js"

/** More than the kernel keeps on both sides of a loopback connection. */
const bulk = new Uint8Array(67_108_864)
const part = Buffer.alloc(65_536, "x")

const never = new Promise<never>(() => undefined)

interface Moment {
  readonly script: Script
  /** Brings the exchange to the moment at which the client leaves. */
  readonly reach: (served: Served) => Promise<unknown>
  /** The expected notes; `scope` stands for the exit of the request's scope. */
  readonly notes: ReadonlyArray<string>
  readonly hook: string
  readonly status: number
}

const left = "Aborted ClientGone"

const sendAndTake = (bytes: number) => ({ client }: Served) => {
  client.send(get())
  return client.bytes(bytes)
}

const answered = async ({ client, records }: Served): Promise<void> => {
  client.send(get())
  await client.response()
  await records.first(1)
}

const moments: Readonly<Record<string, Moment>> = {
  "before the application answers": {
    script: workUntilInterrupted,
    reach: ({ client, journal }) => {
      client.send(get())
      return journal.first(1)
    },
    notes: ["at work", "interrupted"],
    hook: `${left} undefined`,
    status: 499
  },
  "while the application reads the body": {
    script: async (call) => {
      const interrupted = workUntilInterrupted(call)
      await Promise.race([interrupted, call.read().catch(() => never)])
      return "read"
    },
    reach: async ({ client, journal }) => {
      client.send(request("POST", "/", ["Content-Length: 10"], "01234"))
      await journal.first(1)
      await turns(5)
    },
    notes: ["at work", "interrupted"],
    hook: `${left} undefined`,
    status: 499
  },
  "during a buffered body of 64 MiB": {
    script: () => bulk,
    reach: sendAndTake(1_000_000),
    notes: [],
    hook: `${left} 200`,
    status: 200
  },
  "during a stream": {
    script: (call) => endlessBody(call, part, Infinity),
    reach: sendAndTake(1_000_000),
    notes: ["stream over"],
    hook: `${left} 200`,
    status: 200
  },
  "during a stream that waits": {
    script: (call) => endlessBody(call, part, 1),
    reach: sendAndTake(part.length),
    notes: ["stream over"],
    hook: `${left} 200`,
    status: 200
  },
  "after the answer": { script: () => "hello", reach: answered, notes: [], hook: "Sent 200", status: 200 },
  "after a stream": {
    async *script() {
      yield part
      yield part
    },
    reach: answered,
    notes: [],
    hook: "Sent 200",
    status: 200
  }
}

/** Serves the script once, with a finalizer and two hooks, and then greets. */
const serveOnce = (serve: Serve, script: Script): Promise<Served> => {
  let first = true
  return serve((call) => {
    if (!first) return "hello"
    first = false
    call.finalizer((exit) => call.note(`scope ${exit}`))
    call.hook(async (outcome) => {
      await turns(1)
      call.note(`hook ${outcome === undefined ? "" : named(outcome)}`)
    })
    call.hook(() => call.note("second hook"))
    return script(call)
  }, { sockets: true, halfClose: "abort" })
}

describe.each(someDoors)("%s", (door, serve) => {
  describe.each<[how: string, leave: (client: WireClient) => void]>([
    ["resets", (client) => client.reset()],
    ["closes", (client) => client.close()]
  ])("the client %s", (_, leave) => {
    it.each(Object.entries(moments))("%s", async (_, { hook, notes, reach, script, status }) => {
      const before = holdings()
      {
        await using served = await serveOnce(serve, script)
        const { client, connect, journal, records } = served
        await reach(served)
        leave(client)
        await records.first(1)
        const end = scoped(door, hook.startsWith("Sent") ? "Success" : "ClientGone")
        expect(journal.entries).toEqual([...notes, ...end, `hook ${hook}`, "second hook", `log ${status}`])
        expect((records.entries[0].outcome?.bodyBytes ?? 0) > 0).toBe(status === 200)
        // a second client is served as usual
        const another = await connect()
        another.send(get())
        expect((await another.response()).body.toString()).toBe("hello")
        await records.first(2)
        expect(journal.entries.slice(notes.length + end.length + 3)).toEqual(["log 200"])
      }
      await expectReleased(before)
    })
  })

  it("row 119: hooks and log tell of a client that left before the answer, without a stack", async () => {
    const told = gate<Outcome | undefined>()
    await using served = await serve((call) => {
      call.hook(told.open)
      return workUntilInterrupted(call)
    }, { sockets: true })
    const { client, journal, lines, records } = served
    client.send(get())
    await journal.first(1)
    client.reset()
    expect(await told.opened).toMatchObject({
      _tag: "Aborted",
      reason: "ClientGone",
      status: undefined,
      bodyBytes: 0,
      wireBytes: 0
    })
    expect(await records.first(1)).toMatchObject([{
      request: { method: "GET", target: "/" },
      status: 499,
      bodyBytes: 0
    }])
    expect(lines.join("\n")).not.toMatch(/\n\s+at /)
  })
})
