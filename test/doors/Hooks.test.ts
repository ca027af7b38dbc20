/**
 * Post hooks, once over every door: when they run, what they are given, and that nothing keeps one from running or delays the
 * server. Rows are those of wsgi/BEHAVIOUR.md. HookMatrix.test.ts has all ways in which an exchange can end.
 */
import type { Outcome } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { get, post, postChunked, request } from "../utils/requests.js"
import { type Call, everyDoor } from "./everyDoor.js"

const reject = async (): Promise<never> => {
  await turns(1)
  throw new Error("rejected")
}

describe.each(everyDoor)("%s", (_, serve) => {
  describe("order", () => {
    it("hooks run as they were registered, each when the one before it is over, and then the line is logged", async () => {
      const gates = [gate(), gate()]
      await using served = await serve(({ hook, note }) => {
        gates.forEach((gate, index) =>
          hook(async () => {
            note(`${index} begins`)
            await gate.opened
            note(`${index} ends`)
          })
        )
        hook(() => note("2"))
        return "ok"
      })
      const { client, journal } = served
      client.send(get())
      // the response does not wait for them
      await client.response()
      await turns(20)
      expect(journal.entries).toEqual(["0 begins"])
      gates[1].open()
      await turns(20)
      expect(journal.entries).toEqual(["0 begins"])
      gates[0].open()
      expect(await journal.first(6)).toEqual(["0 begins", "0 ends", "1 begins", "1 ends", "2", "log 200"])
    })

    it("row 123: hooks run before the next request of the connection is given to the application", async () => {
      const go = gate()
      await using served = await serve(({ hook, note }) => {
        note("application")
        hook(async () => {
          await go.opened
          note("hook")
        })
        return "ok"
      })
      const { client, journal } = served
      client.send(get() + get())
      expect((await client.response()).status).toBe(200)
      await turns(20)
      expect(journal.entries).toEqual(["application"])
      go.open()
      await client.response()
      const one = ["application", "hook", "log 200"]
      expect(await journal.first(6)).toEqual([...one, ...one])
    })

    it("hooks run when the rest of a body that was not read has been dropped", async () => {
      await using served = await serve(({ hook, note }) => {
        hook(() => note("hook"))
        return "ok"
      })
      const { client, journal } = served
      client.send(request("POST", "/", ["Content-Length: 10"], "12345"))
      expect((await client.response()).get("connection")).toBeUndefined()
      await turns(20)
      expect(journal.entries).toEqual([])
      client.send(`67890${get()}`)
      expect(await journal.first(4)).toEqual(["hook", "log 200", "hook", "log 200"])
    })

    it("hooks that a hook registers run after the others", async () => {
      await using served = await serve(({ hook, note }) => {
        hook(() => {
          note("first")
          hook(async () => {
            await turns(1)
            note("third")
            hook(() => note("fourth"))
          })
        })
        hook(() => note("second"))
        return "ok"
      })
      served.client.send(get())
      expect(await served.journal.first(5)).toEqual(["first", "second", "third", "fourth", "log 200"])
    })
  })

  describe("isolation", () => {
    it.each([false, true])(
      "row 127: a failing hook leaves the others, the log and the connection alone (detached: %s)",
      async (detached) => {
        await using served = await serve(({ hook, note }) => {
          hook(() => {
            throw new Error("thrown")
          }, { detached })
          hook(reject, { detached })
          hook(() => note("last"))
          return "ok"
        })
        const { client, journal, lines } = served
        for (const answered of [1, 2]) {
          client.send(get())
          expect((await client.response()).status).toBe(200)
          await journal.first(2 * answered)
          await turns(20)
          expect(journal.entries.slice(-2)).toEqual(["last", "log 200"])
          expect(lines.filter((line) => line.includes("a post hook failed"))).toHaveLength(2 * answered)
        }
      }
    )

    it("a client that leaves while hooks run takes none away", async () => {
      const go = gate()
      await using served = await serve(({ hook, note }) => {
        hook(async () => {
          note("first begins")
          await go.opened
          note("first ends")
        })
        hook(() => note("second"))
        return "ok"
      }, { timeouts: { grace: 0 } })
      const { client, journal, stop } = served
      client.send(get())
      await journal.first(1)
      client.reset()
      const stopped = stop().then(() => journal.push("stopped"))
      await turns(20)
      expect(journal.entries).toEqual(["first begins"])
      go.open()
      await stopped
      expect(journal.entries).toEqual(["first begins", "first ends", "second", "log 200", "stopped"])
    })
  })

  describe("detached", () => {
    it("row 123: a detached hook does not hold up the connection", async () => {
      const go = gate()
      await using served = await serve(({ hook, note }) => {
        hook(async () => {
          await go.opened
          note("detached")
        }, { detached: true })
        hook(() => note("attached"))
        return "ok"
      })
      const { client, journal } = served
      client.send(get() + get())
      for (let i = 0; i < 2; i++) expect((await client.response()).status).toBe(200)
      expect(await journal.first(4)).toEqual(["attached", "log 200", "attached", "log 200"])
      go.open()
      expect((await journal.first(6)).slice(4)).toEqual(["detached", "detached"])
    })
  })

  describe("stop", () => {
    it.each([true, false])("row 123: waits for a hook (detached: %s)", async (detached) => {
      const go = gate()
      await using served = await serve(({ hook, note }) => {
        hook(async () => {
          await go.opened
          note("hook")
        }, { detached })
        return "ok"
      }, { timeouts: { grace: 0 } })
      const { client, journal, stop } = served
      client.send(get())
      await client.response()
      const stopped = stop().then(() => journal.push("stopped"))
      await turns(50)
      expect(journal.entries).toEqual(detached ? ["log 200"] : [])
      go.open()
      await stopped
      expect([...journal.entries].sort()).toEqual(["hook", "log 200", "stopped"])
      expect(journal.entries.at(-1)).toBe("stopped")
    })
  })

  describe("late", () => {
    it.each([0, 1])(
      "row 127: a hook that is registered when all is over runs at once (%i ran before)",
      async (early) => {
        let call: Call | undefined
        await using served = await serve((given) => {
          call = given
          if (early === 1) given.hook(() => given.note("early"))
          return "ok"
        })
        const { client, journal, stop } = served
        client.send(get())
        const before = [...(early === 1 ? ["early"] : []), "log 200"]
        expect(await journal.first(before.length)).toEqual(before)
        const push = (name: string): void => call?.hook((outcome) => journal.push(`${name} ${outcome?._tag}`))
        push("late")
        push("later")
        expect(await journal.first(before.length + 2)).toEqual([...before, "late Sent", "later Sent"])
        client.close()
        await stop()
        push("latest")
        expect((await journal.first(before.length + 3)).at(-1)).toBe("latest Sent")
      }
    )

    it("a stop waits for one that was registered when all was over", async () => {
      const go = gate()
      let call: Call | undefined
      await using served = await serve((given) => {
        call = given
        return "ok"
      })
      const { client, journal, stop } = served
      client.send(get())
      await journal.first(1)
      call?.hook(() => go.opened.then(() => journal.push("late")))
      const stopped = stop().then(() => journal.push("stopped"))
      await client.whenEnded()
      await turns(20)
      expect(journal.entries).toEqual(["log 200"])
      go.open()
      await stopped
      expect(journal.entries).toEqual(["log 200", "late", "stopped"])
    })

    it("a hook that is registered while a slow client reads the response runs when it has", async () => {
      let call: Call | undefined
      await using served = await serve((given) => {
        call = given
        return "x".repeat(100_000)
      })
      const { client, journal } = served
      client.pause()
      client.send(get())
      while (call === undefined) await turns(1)
      await turns(5)
      call.hook((outcome) => journal.push(`${outcome?._tag}`))
      await turns(5)
      expect(journal.entries).toEqual([])
      client.resume()
      expect(await journal.first(2)).toEqual(["Sent", "log 200"])
    })
  })

  describe("what they are told", () => {
    it("row 129: how the exchange ended: its status, its bytes, its interim responses, its times", async () => {
      const told = gate<Outcome | undefined>()
      await using served = await serve(({ hook, interim }) => {
        hook(told.open)
        interim(103, [["Link", "</a.css>; rel=preload"]])
        return "twelve bytes"
      })
      served.client.send(get())
      await served.client.response()
      const outcome = await told.opened
      expect(outcome).toMatchObject({
        _tag: "Sent",
        status: 200,
        bodyBytes: 12,
        wireBytes: served.client.received,
        interimResponses: 1
      })
      if (outcome?.firstByteTime === undefined) throw new Error("no time")
      expect(outcome.startTime).toBeLessThanOrEqual(outcome.firstByteTime)
      expect(outcome.firstByteTime).toBeLessThanOrEqual(outcome.endTime)
    })

    it("row 124: hooks run once when the application fails, and are told", async () => {
      const told: Array<Outcome | undefined> = []
      await using served = await serve(({ hook }) => {
        hook((outcome) => told.push(outcome))
        throw new Error("no reason")
      })
      served.client.send(get())
      expect((await served.client.response()).status).toBe(500)
      await served.journal.first(1)
      expect(told).toMatchObject([{ _tag: "Failed", status: 500, error: { message: "no reason" } }])
      expect(served.journal.entries).toEqual(["log 500"])
    })
  })

  it("row 124: hooks run once when the rest of a body cannot be dropped", async () => {
    const told: Array<Outcome | undefined> = []
    await using served = await serve(({ hook }) => {
      hook((outcome) => told.push(outcome))
      return "ok"
    })
    const { client, journal } = served
    client.send(postChunked("/", "nothing\r\n"))
    expect((await client.response()).status).toBe(200)
    await client.whenEnded()
    expect(await journal.first(1)).toEqual(["log 200"])
    expect(told).toMatchObject([{ _tag: "Sent", bodyBytes: 2 }])
  })

  it("row 125: a request that is refused has a line in the log, and no hook", async () => {
    await using served = await serve(({ hook, note }) => {
      note("application")
      hook(() => note("hook"))
      return "ok"
    })
    served.client.send(post("/", "", "Content-Length: x"))
    expect((await served.client.response()).status).toBe(400)
    expect(await served.journal.first(1)).toEqual(["log 400"])
  })
})
