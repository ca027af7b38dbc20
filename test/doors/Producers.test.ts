/**
 * The producer of a body learns when the body is no longer taken, and lets others run meanwhile. The family: every way to send,
 * against a client that has left, one that gets the end, and one that takes everything at once.
 */
import { Readable } from "node:stream"
import { type App, type Environ, fetchApp, type Write, WriteError } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { Journal, turns } from "../utils/Journal.js"
import { get, head } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"

const left = (env: Environ): Promise<void> =>
  new Promise((resolve) => env["tsgi.signal"].addEventListener("abort", () => resolve()))

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => undefined, (error: unknown) => error)

describe("write", () => {
  it("ends a loop whose client has left, with what happened", async () => {
    const ended = gate<unknown>()
    const app: App = async (_env, startResponse) => {
      const write = startResponse("200 OK", plain)
      const loop = async () => {
        while (true) await write("a row\n")
      }
      ended.open(await failureOf(loop()))
      return []
    }
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      await client.until("a row")
      client.reset()
      const error = await ended.opened
      expect(error).toBeInstanceOf(WriteError)
      expect(error).toMatchObject({ _tag: "WriteError", reason: "ClientGone" })
    })
  })

  it("rejects when it waited for room", async () => {
    const waits = gate()
    const ended = gate<unknown>()
    const app: App = async (_env, startResponse) => {
      const write = startResponse("200 OK", plain)
      const writing = failureOf(write(new Uint8Array(67_108_864)))
      waits.open()
      ended.open(await writing)
      return []
    }
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      client.pause()
      await waits.opened
      client.reset()
      expect(await ended.opened).toMatchObject({ reason: "ClientGone" })
    })
  })

  it("says that the server stops", async () => {
    const begun = gate()
    const ended = gate<unknown>()
    const app: App = async (env, startResponse) => {
      const write = startResponse("200 OK", plain)
      begun.open()
      await left(env)
      ended.open(await failureOf(write("too late")))
      return []
    }
    await withServer(app, {}, async ({ connect, running }) => {
      const client = await connect()
      client.send(get("/"))
      await begun.opened
      await running.stop({ grace: 0 })
      expect(await ended.opened).toMatchObject({ reason: "Stopped" })
    })
  })

  it.each(["", "what is late"])("%j is refused behind the end", async (part) => {
    const refused = gate<unknown>()
    let write: Write | undefined
    const app: App = (env, startResponse) => {
      write = startResponse("200 OK", plain)
      env["eventlet.posthooks"].push([async () => refused.open(write && await failureOf(write(part)))])
      return "all"
    }
    await withServer(app, {}, async ({ ask }) => {
      expect((await ask(get("/"))).body.toString()).toBe("all")
      expect(await refused.opened).toMatchObject({ _tag: "WriteError", reason: "AlreadyOver" })
    })
  })

  it.each(["GET", "HEAD"])("lets others run, whoever takes it (%s)", async (method) => {
    const others = gate()
    const app: App = async (env, startResponse) => {
      const write = startResponse("200 OK", plain)
      if (env.PATH_INFO === "/other") {
        others.open()
        return "other"
      }
      let going = true
      void others.opened.then(() => going = false)
      while (going) await write("")
      return []
    }
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      const other = await connect()
      client.send(head(`${method} / HTTP/1.1`, "Host: a"))
      other.send(get("/other"))
      expect((await other.response()).body.toString()).toBe("other")
      expect((await client.response(method)).status).toBe(200)
    })
  })

  it("that is refused lets others run, also where its promise is not awaited", async () => {
    const begun = gate()
    const ended = gate<number>()
    const app: App = async (env, startResponse) => {
      const write = startResponse("200 OK", plain)
      begun.open()
      await left(env)
      let going = true
      let asked = 0
      void turns(5).then(() => going = false)
      while (going) {
        asked++
        void write("not awaited")
        await failureOf(write("awaited"))
      }
      ended.open(asked)
      return []
    }
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      await begun.opened
      client.reset()
      expect(await ended.opened).toBeLessThan(20)
    })
  })
})

describe("the head goes ahead", () => {
  const streams: Readonly<Record<string, App>> = {
    "write of nothing": async (env, startResponse) => {
      await startResponse("200 OK", plain)("")
      await left(env)
      return []
    },
    "an async iterable": (_env, startResponse) => {
      startResponse("200 OK", plain)
      return new ReadableStream<string>()
    },
    "a generator that sets its head and waits": (env, startResponse) =>
      (async function*() {
        await turns(1)
        startResponse("200 OK", plain)
        await left(env)
        yield "late"
      })(),
    "a Response": fetchApp(() => new Response(new ReadableStream()))
  }

  it.each(Object.entries(streams))("%s", async (_, app) => {
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      const head = await client.head()
      expect([head.status, head.get("Transfer-Encoding")]).toEqual([200, "chunked"])
      client.reset()
    })
  })

  it("to HEAD that is the end of it, whatever comes of the body", async () => {
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) }
    }
    await withServer(app, {}, async ({ connect }) => {
      const client = await connect()
      for (let i = 0; i < 2; i++) {
        client.send(head("HEAD / HTTP/1.1", "Host: a"))
        expect((await client.response("HEAD")).status).toBe(200)
      }
    })
  })

  it.each<readonly [string, App]>([
    ["a generator that throws", (_env, startResponse) => {
      startResponse("200 OK", plain)
      return (async function*(): AsyncGenerator<string> {
        await turns(2)
        throw new Error("at once")
      })()
    }],
    // the stream of a missing file does this too, but only when Node's threads have time for it
    ["a file that is not there", (_env, startResponse) => {
      startResponse("200 OK", plain)
      const missing = Object.assign(new Error("no such file"), { code: "ENOENT" })
      return new Readable({ construct: (opened) => void setImmediate(opened, missing) })
    }],
    ["a Response", fetchApp(() => new Response(new ReadableStream({ pull: () => Promise.reject(new Error("no")) })))]
  ])("and not of what fails at once: %s", async (_, app) => {
    await withServer(app, {}, async ({ ask }) => {
      expect((await ask(get("/"))).status).toBe(500)
    })
  })
})

describe("a Response", () => {
  it.each<readonly [string, () => Response, string]>([
    ["text", () => new Response("grüße"), "7"],
    ["bytes", () => new Response(new Uint8Array(100_000)), "100000"],
    ["parameters", () => new Response(new URLSearchParams({ a: "1" })), "3"],
    ["JSON", () => Response.json({ a: 1 }), "7"],
    ["no text", () => new Response(""), "0"],
    ["nothing", () => new Response(), "0"]
  ])(
    "of known length has it: %s",
    async (_, make, length) => {
      await withServer(fetchApp(make), {}, async ({ ask }) => {
        const response = await ask(get("/"))
        expect([response.get("Content-Length"), String(response.body.length)]).toEqual([length, length])
      })
    }
  )

  it("that has been read, or was given before, is a failure that is logged", async () => {
    const once = new Response("once")
    const read = new Response("read")
    await read.text()
    const locked = new Response("locked")
    locked.body?.getReader()
    const app = fetchApp(({ url }) => url.endsWith("/read") ? read : url.endsWith("/locked") ? locked : once)
    await withServer(app, {}, async ({ ask, log }) => {
      expect((await ask(get("/once"))).body.toString()).toBe("once")
      for (const path of ["/once", "/read", "/locked"]) expect((await ask(get(path))).status).toBe(500)
      expect(log.text).toContain("BodyUsed")
    })
  })
})

it("a request's body ends for its reader with the exchange", async () => {
  const ended = new Journal<unknown>()
  const app = fetchApp(async (request) => {
    void failureOf(request.text()).then((error) => ended.push(error))
    return new Response("not read")
  })
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(head("POST / HTTP/1.1", "Host: a", "Content-Length: 5"))
    expect((await client.response()).status).toBe(200)
    expect(await ended.first(1)).toMatchObject([{ _tag: "BodyError", reason: "Closed" }])
  })
})
