/**
 * A body is let go itself and at once, by its own method: `cancel`, `destroy`, disposal, `close`, and a generator by `return`.
 * The family: every kind of body against every way in which it is no longer needed.
 */
import * as fs from "node:fs"
import { Readable } from "node:stream"
import { type App, type AppBody, type Environ, fetchApp } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { Journal } from "../utils/Journal.js"
import { get, head } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"

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

/** A way in which the body is no longer needed. `reach` brings it about, and after that the client is reset. */
interface Way {
  readonly app: (body: AppBody, env: Environ) => Promise<void>
  readonly status: string
  readonly headers: ReadonlyArray<readonly [string, string]>
  readonly request: string
  readonly leaves: boolean
}

const way = (given: Partial<Way>): Way => ({
  app: () => Promise.resolve(),
  status: "200 OK",
  headers: plain,
  request: get("/"),
  leaves: false,
  ...given
})

const ways: Readonly<Record<string, Way>> = {
  "the client leaves before": way({
    app: (_, env) => new Promise((resolve) => env["tsgi.signal"].addEventListener("abort", () => resolve())),
    leaves: true
  }),
  "the client leaves within": way({ leaves: true }),
  "HEAD": way({ request: head("HEAD / HTTP/1.1", "Host: a") }),
  "204": way({ status: "204 No Content", headers: [] }),
  "304": way({ status: "304 Not Modified", headers: [] }),
  "a head that is refused": way({ headers: [["A", "\r\n"]] }),
  "an interim response that is refused": way({
    app: async (_, env) => env["tsgi.interim"](103, [["A", "\r\n"]])
  }),
  "the connection was taken over": way({
    app: async (_, env) => {
      env["wsgi.input"].getSocket().end()
    },
    leaves: true
  })
}

describe("is let go", () => {
  // an application that fails before it has given its body has no body to let go
  const given = Object.entries(ways).filter(([name]) => !name.includes("refused"))
  it.each(Object.entries(quiet).flatMap(([kind, make]) => given.map(([name, on]) => [kind, name, make, on] as const)))(
    "%s, when: %s",
    async (_kind, _name, make, { app, headers, leaves, request, status }) => {
      const letGo = gate()
      const over = gate()
      const begun = gate()
      const served: App = async (env, startResponse) => {
        begun.open()
        env["eventlet.posthooks"].push([() => over.open()])
        await app("", env)
        if (!env["wsgi.input"].socket) startResponse(status, headers)
        return make(letGo.open)
      }
      await withServer(served, { timeouts: { interrupt: 30 } }, async ({ connect }) => {
        const client = await connect()
        client.send(request)
        await begun.opened
        if (leaves && _name !== "the connection was taken over") client.reset()
        await letGo.opened
        client.close()
        await over.opened
      })
    }
  )

  it.each(Object.entries(quiet))("%s, when the server stops", async (_, make) => {
    const letGo = gate()
    const served: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return make(letGo.open)
    }
    await withServer(served, { timeouts: { interrupt: 30 } }, async ({ connect, running }) => {
      const client = await connect()
      client.send(get("/"))
      await client.head()
      await running.stop({ grace: 0 })
      await letGo.opened
    })
  })

  it.each(["before", "within"])("a Response, when its client leaves %s", async (when) => {
    const letGo = gate()
    const begun = gate()
    const handler = async ({ signal }: Request): Promise<Response> => {
      begun.open()
      if (when === "before") await new Promise((resolve) => signal.addEventListener("abort", resolve))
      return new Response(new ReadableStream({ cancel: () => letGo.open() }))
    }
    await withServer(fetchApp(handler), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      await begun.opened
      if (when === "within") await client.head()
      client.reset()
      await letGo.opened
    })
  })

  it("a Response whose head is refused", async () => {
    const letGo = gate()
    const handler = () =>
      new Response(new ReadableStream({ cancel: () => letGo.open() }), { headers: { "Content-Length": "no" } })
    await withServer(fetchApp(handler), {}, async ({ ask }) => {
      expect((await ask(get("/"))).status).toBe(500)
      await letGo.opened
    })
  })

  it("a generator that waits, at its next part, and one that was not begun, at once", async () => {
    const closed = new Journal<string>()
    const wake = gate()
    async function* generator() {
      try {
        yield "a"
        await wake.opened
        yield "b"
      } finally {
        closed.push("closed")
      }
    }
    const served: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return generator()
    }
    await withServer(served, {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      await client.until("a")
      client.reset()
      wake.open()
      await closed.first(1)
    })
  })
})

const descriptors = (): number => fs.readdirSync("/proc/self/fd").length

it.skipIf(process.platform !== "linux")("files opened for clients that have left are closed", async () => {
  const clients = 20
  const left = new Journal<Readable>()
  const begun = new Journal<string>()
  const served: App = async (env, startResponse) => {
    begun.push("begun")
    await new Promise((resolve) => env["tsgi.signal"].addEventListener("abort", resolve))
    startResponse("200 OK", plain)
    const file = fs.createReadStream("package.json")
    file.once("close", () => left.push(file))
    return file
  }
  await withServer(served, {}, async ({ connect }) => {
    const before = descriptors()
    const all = await Promise.all(Array.from({ length: clients }, connect))
    for (const client of all) client.send(get("/"))
    await begun.first(clients)
    for (const client of all) client.reset()
    await left.first(clients)
    await Promise.all(all.map((client) => client.whenClosed()))
    expect(descriptors()).toBeLessThanOrEqual(before)
  })
})

it("a file that cannot be opened, returned for a client that has left, ends nothing", async () => {
  const begun = gate()
  const over = gate()
  const served: App = async (env, startResponse) => {
    startResponse("200 OK", plain)
    env["eventlet.posthooks"].push([() => over.open()])
    begun.open()
    await new Promise((resolve) => env["tsgi.signal"].addEventListener("abort", resolve))
    return fs.createReadStream("/nowhere/at/all")
  }
  await withServer(served, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    await begun.opened
    client.reset()
    await over.opened
  })
})
