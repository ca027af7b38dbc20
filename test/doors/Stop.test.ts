/**
 * A stop, once over every door: idle connections are closed at once, running requests are answered within the grace time and then
 * interrupted, event streams are ended, and no hook delays the stop for ever. The report says what happened to each connection.
 * Rows are those of wsgi/BEHAVIOUR.md.
 */
import { describe, expect, it } from "vitest"
import { named } from "../platform/scene.js"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { type Call, everyDoor, everyEffectDoor, scoped } from "./everyDoor.js"
import { endlessBody, workUntilInterrupted } from "./scripts.js"

const never = new Promise<never>(() => undefined)
const part = Buffer.alloc(65_536, "x")

/** Notes how the request's scope and the exchange end. */
const noteEnd = ({ finalizer, hook, note }: Call): void => {
  finalizer((exit) => note(`scope ${exit}`))
  hook((outcome) => note(`hook ${outcome === undefined ? "" : named(outcome)}`))
}

describe.each(everyDoor)("%s", (door, serve) => {
  it("row 137: a connection that never asked is idle, one within a head is not", async () => {
    await using served = await serve(() => "hello")
    const { client: asking, connect, stop } = served
    const [answered, silent] = [await connect(), await connect()]
    asking.send("GET / HTTP/1.1\r\n")
    // the head's first line was read before this was answered
    answered.send(get())
    await answered.response()
    const stopped = stop()
    await Promise.all([answered.whenEnded(), silent.whenEnded()])
    asking.send("Host: localhost\r\n\r\n")
    const response = await asking.response()
    expect([response.status, response.get("connection")]).toEqual([200, "close"])
    asking.close()
    expect(await stopped).toMatchObject({ connections: 3, idle: 2, finished: 1, interrupted: 0, cut: 0 })
  })

  it("row 138: an answer that is being made is finished, and no client can connect any more", async () => {
    const go = gate()
    await using served = await serve(async (call) => {
      noteEnd(call)
      call.note("at work")
      await go.opened
      return "done"
    })
    const { client, connect, journal, stop } = served
    const idle = await connect()
    client.send(get())
    await journal.first(1)
    const stopped = stop().then((report) => {
      journal.push("stopped")
      return report
    })
    await idle.whenEnded()
    await expect(connect()).rejects.toThrow()
    await turns(50)
    expect(journal.entries).toEqual(["at work"])
    go.open()
    const response = await client.response()
    expect(response.body.toString()).toBe("done")
    await client.whenEnded()
    client.close()
    expect(await stopped).toMatchObject({ connections: 2, idle: 1, finished: 1, interrupted: 0, cut: 0 })
    expect(journal.entries).toEqual([
      "at work",
      ...scoped(door, "Success"),
      "hook Sent 200",
      "log 200",
      "stopped"
    ])
  })

  it("row 140: an answer while the server stops says once that it is the last", async () => {
    const go = gate()
    await using served = await serve(async ({ note }) => {
      note("at work")
      await go.opened
      return "done"
    })
    const { client, connect, journal, stop } = served
    const idle = await connect()
    client.send(get())
    await journal.first(1)
    const stopped = stop()
    await idle.whenEnded()
    go.open()
    expect((await client.response()).all("connection")).toEqual(["close"])
    client.close()
    await stopped
  })

  it("row 139: what does not end in time is interrupted and told why, and the report says so", async () => {
    await using served = await serve((call) => {
      noteEnd(call)
      return workUntilInterrupted(call)
    }, { timeouts: { grace: 20 } })
    const { client, journal, stop } = served
    client.send(get())
    await journal.first(1)
    const report = await stop()
    expect(report).toMatchObject({ connections: 1, idle: 0, finished: 0, interrupted: 1, cut: 0 })
    // Node's timers may ring a millisecond early
    expect(report.duration).toBeGreaterThanOrEqual(19)
    expect(journal.entries).toEqual([
      "at work",
      "interrupted",
      ...scoped(door, "Stopped"),
      "hook Aborted Stopped undefined",
      "log 503"
    ])
    expect(await client.all()).toHaveLength(0)
  })

  it("row 139: a stream is cut, so that its client can tell", async () => {
    await using served = await serve((call) => {
      noteEnd(call)
      return endlessBody(call, part, 1)
    }, { timeouts: { grace: 0 } })
    const { client, journal, stop } = served
    client.send(get())
    expect((await client.head()).get("transfer-encoding")).toBe("chunked")
    await client.until(`10000\r\n${part.toString()}\r\n`)
    expect(await stop()).toMatchObject({ connections: 1, finished: 0, interrupted: 1 })
    expect(journal.entries).toEqual([
      "stream over",
      ...scoped(door, "Stopped"),
      "hook Aborted Stopped 200",
      "log 200"
    ])
    expect((await client.all()).toString()).toBe("")
  })

  it("an event stream is ended, and what is another kind of answer is awaited", async () => {
    const go = gate()
    const types = ["text/event-stream; charset=utf-8", "text/plain"]
    await using served = await serve((call) => {
      const type = types.shift() ?? ""
      call.head({ contentType: type })
      if (type !== "text/plain") return endlessBody(call, Buffer.from("data: 1\n\n"), 1)
      return (async function*() {
        yield part
        await go.opened
        yield part
      })()
      // the stop never waits for the grace time
    }, { timeouts: { grace: 60_000, farewell: 50 } })
    const { client: events, connect, stop } = served
    events.send(get())
    await events.until("data: 1\n\n")
    const plain = await connect()
    plain.send(get())
    await plain.until("x\r\n")
    const stopped = stop()
    await events.whenEnded()
    expect(plain.ended).toBe(false)
    go.open()
    expect((await plain.all()).toString().endsWith("x\r\n0\r\n\r\n")).toBe(true)
    events.close()
    plain.close()
    expect(await stopped).toMatchObject({ connections: 2, interrupted: 0, finished: 2 })
  })

  it.each([false, true])("a hook that never ends does not hold it up, detached: %s", async (detached) => {
    await using served = await serve(({ hook }) => {
      hook(() => never, { detached })
      return "ok"
    }, { timeouts: { grace: 0, interrupt: 0, hooks: 50 } })
    const { client, lines, stop } = served
    client.send(get())
    await client.response()
    expect(await stop()).toMatchObject({ connections: 1, left: 1 })
    expect(lines.filter((line) => line.includes("the stop goes on without it"))).toHaveLength(1)
  })

  it("hooks that never end, one behind the other, have the time of one together, and all of them begin", async () => {
    const begun: Array<number> = []
    await using served = await serve(({ hook }) => {
      for (let i = 0; i < 20; i++) {
        hook(() => {
          begun.push(i)
          return never
        })
      }
      return "ok"
    }, { timeouts: { grace: 0, interrupt: 0, hooks: 300 } })
    const { client, stop } = served
    client.send(get())
    await client.response()
    const report = await stop()
    expect(report).toMatchObject({ connections: 1, left: 20 })
    // twenty times as long would be six seconds
    expect(report.duration).toBeLessThan(3000)
    expect(begun).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })
})

it.each(everyEffectDoor)("%s: a finalizer of a request that never ends does not hold it up", async (_, serve) => {
  await using served = await serve(({ finalizer }) => {
    finalizer(() => never)
    return "ok"
  }, { timeouts: { grace: 50, interrupt: 50, hooks: 100 } })
  const { client, stop } = served
  client.send(get())
  await client.response()
  expect(await stop()).toMatchObject({ connections: 1, left: 1 })
})
