/**
 * The `write` of the plain door: its promise says when there is room and why there will be none, and lets others run meanwhile.
 * The family: a client that has left, one that gets the end, and one that takes everything at once. doors/Producers.test.ts has
 * producers that are a body.
 */
import { type App, type Environ, type Write, WriteError } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { get, head } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"

const left = (env: Environ): Promise<void> =>
  new Promise((resolve) => env["tsgi.signal"].addEventListener("abort", () => resolve()))

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(() => undefined, (error: unknown) => error)

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

const heads: Readonly<Record<string, App>> = {
  "write of nothing": async (env, startResponse) => {
    await startResponse("200 OK", plain)("")
    await left(env)
    return []
  },
  "a generator that sets its head and waits": (env, startResponse) =>
    (async function*() {
      await turns(1)
      startResponse("200 OK", plain)
      await left(env)
      yield "late"
    })()
}

it.each(Object.entries(heads))("the head goes ahead: %s", async (_, app) => {
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    const head = await client.head()
    expect([head.status, head.get("Transfer-Encoding")]).toEqual([200, "chunked"])
    client.reset()
  })
})
