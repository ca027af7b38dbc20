/** Web-standard handlers. A request that HTTP allows and the fetch standard does not is answered as the client's fault. */
import { type App, type Environ, fetchApp, type FetchHandler, listen, type Outcome } from "tsgi"
import type { WireResponse } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { Journal } from "../utils/Journal.js"
import { get, head, request } from "../utils/requests.js"
import { type Log, withServer } from "../utils/serving.js"

const failures = ({ lines }: Log): ReadonlyArray<string> => lines.filter((line) => line.includes("failed"))

const echo = async (bytes: string, host?: string) => {
  const seen: Array<string> = []
  const urls: Array<string> = []
  const app = fetchApp(async (request) => {
    seen.push(request.method)
    urls.push(request.url)
    return new Response(await request.text())
  })
  const answer = gate<{ readonly response: WireResponse; readonly failures: ReadonlyArray<string> }>()
  await withServer(app, { listener: listen(host === undefined ? {} : { host }) }, async ({ ask, log }) => {
    answer.open({ response: await ask(bytes), failures: failures(log) })
  })
  return { ...await answer.opened, seen, urls }
}

const post = "POST / HTTP/1.1\r\nHost: a\r\n"

/** A body without an end, and the promise of its cancellation. */
const endless = () => {
  const cancelled = gate()
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(10)),
    cancel: () => cancelled.open()
  })
  return { body, cancel: cancelled.opened }
}

describe("fetchApp", () => {
  // the body is that of the message, whatever middleware does to the fields
  it.each<[string, bytes: string, change: (env: Environ) => void, text: string]>([
    ["a length that is removed", `${post}Content-Length: 3\r\n\r\nabc`, (env) => delete env.CONTENT_LENGTH, "abc"],
    ["a length of 0", `${post}Content-Length: 3\r\n\r\nabc`, (env) => env.CONTENT_LENGTH = "0", "abc"],
    [
      "a transfer coding that is removed",
      `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      (env) => delete env.HTTP_TRANSFER_ENCODING,
      "abc"
    ],
    ["a transfer coding that is added", `${post}\r\n`, (env) => env.HTTP_TRANSFER_ENCODING = "chunked", "none"],
    ["a length that is added", `${post}\r\n`, (env) => env.CONTENT_LENGTH = "3", "none"]
  ])("reads the body that came, with %s by a middleware", async (_, bytes, change, text) => {
    const app = fetchApp(async (request) => new Response(request.body === null ? "none" : await request.text()))
    const changed: App = (env, startResponse) => {
      change(env)
      return app(env, startResponse)
    }
    await withServer(changed, {}, async ({ ask }) => {
      expect(String((await ask(bytes)).body)).toBe(text)
    })
  })

  it.each([
    ["TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501],
    ["a port that is none", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n", 400],
    ["a host with an encoded slash", "GET / HTTP/1.1\r\nHost: a%2Fb\r\n\r\n", 400],
    ["an address that is none", "GET / HTTP/1.1\r\nHost: 1.2.3.256\r\n\r\n", 400]
  ])("refuses %s without calling the handler, or blaming it", async (_, bytes, status) => {
    const { failures, response, seen } = await echo(bytes)
    expect(response.status).toBe(status)
    expect(seen).toEqual([])
    expect(failures).toEqual([])
  })

  it.each([
    ["Host", "/public/admin?a=1", "Host: a:81\r\n", /^http:\/\/a:81\/public\/admin\?a=1$/],
    ["an empty Host", "/public/admin", "Host:\r\n", /^http:\/\/127\.0\.0\.1:\d+\/public\/admin$/],
    [
      "an empty Host, and a target of slashes",
      "//public/admin",
      "Host:\r\n",
      /^http:\/\/127\.0\.0\.1:\d+\/\/public\/admin$/
    ],
    ["no Host", "/public/admin", "", /^http:\/\/127\.0\.0\.1:\d+\/public\/admin$/],
    ["a target that has a host of its own", "http://b/c", "Host: a\r\n", /^http:\/\/b\/c$/]
  ])("has the path of the target: %s", async (_, target, field, url) => {
    const version = field === "" ? "1.0" : "1.1"
    const { response, urls } = await echo(`GET ${target} HTTP/${version}\r\n${field}\r\n`)
    expect(response.status).toBe(200)
    expect(urls).toEqual([expect.stringMatching(url)])
  })

  it("has an IPv6 address in brackets where there is no Host", async () => {
    const { urls } = await echo("GET /a HTTP/1.0\r\n\r\n", "::1")
    expect(urls).toEqual([expect.stringMatching(/^http:\/\/\[::1\]:\d+\/a$/)])
  })

  it("gives GET no body, however it is written", async () => {
    const { response, seen } = await echo("get / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
    expect([response.status, response.body.toString(), seen]).toEqual([200, "", ["GET"]])
  })

  it("streams a body in and out", async () => {
    const { response } = await echo(request("POST", "/", ["Content-Length: 2"], "hi"))
    expect([response.status, response.body.toString()]).toEqual([200, "hi"])
  })

  it("answers HEAD with the head, and cancels the body, which may have no end", async () => {
    const { body, cancel } = endless()
    await withServer(fetchApp(() => new Response(body, { headers: { "X-A": "1" } })), {}, async ({ connect, log }) => {
      const client = await connect()

      client.send(request("HEAD", "/"))
      const response = await client.head()
      expect([response.status, response.get("x-a"), response.get("content-length")]).toEqual([200, "1", undefined])
      await cancel
      // the connection can still be used
      client.send(request("HEAD", "/"))
      expect((await client.head()).status).toBe(500)
      expect(failures(log).length).toBeLessThanOrEqual(1)
    })
  })

  it("keeps the length that HEAD is told", async () => {
    await withServer(
      fetchApp(() => new Response("hello", { headers: { "Content-Length": "5" } })),
      {},
      async ({ connect }) => {
        const client = await connect()

        client.send(request("HEAD", "/") + get())
        expect((await client.head()).get("content-length")).toBe("5")
        expect((await client.response()).body.toString()).toBe("hello")
      }
    )
  })

  it("cancels the body of a response that cannot be sent", async () => {
    const { body, cancel } = endless()
    await withServer(
      fetchApp(() => new Response(body, { headers: { "Content-Length": "ten" } })),
      {},
      async ({ connect }) => {
        const client = await connect()

        client.send(get())
        expect((await client.response()).status).toBe(500)
        await cancel
      }
    )
  })

  it("cancels the body when the client leaves, and aborts the signal", async () => {
    const { body, cancel } = endless()
    const aborted = new Journal<string>()
    await withServer(
      fetchApp(({ signal }) => {
        signal.addEventListener("abort", () => aborted.push("aborted"))
        return new Response(body)
      }),
      {},
      async ({ connect }) => {
        const client = await connect()

        client.send(get())
        await client.some()
        client.reset()
        await cancel
        await aborted.first(1)
      }
    )
  })

  it("aborts the signal of a handler that waits when the client leaves, and cancels the body that comes late", async () => {
    const { body, cancel } = endless()
    const seen = new Journal<string>()
    await withServer(
      fetchApp(({ signal }) => {
        seen.push("at work")
        return new Promise((resolve) => {
          signal.addEventListener("abort", () => {
            seen.push("aborted")
            resolve(new Response(body))
          })
        })
      }),
      {},
      async ({ connect }) => {
        const client = await connect()

        client.send(get())
        await seen.first(1)
        client.reset()
        await seen.first(2)
        await cancel
      }
    )
  })

  it("has the environ for post hooks, which know the outcome", async () => {
    const outcomes = new Journal<Outcome>()
    const handler: FetchHandler = (_, env) => {
      env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => {
        if (outcome !== undefined) outcomes.push(outcome)
      }])
      return new Response("hello", { status: 201, statusText: "Made" })
    }
    await withServer(fetchApp(handler), {}, async ({ connect }) => {
      const client = await connect()

      client.send(get())
      const response = await client.response()
      expect([response.status, response.reason]).toEqual([201, "Made"])
      expect(await outcomes.first(1)).toMatchObject([{ _tag: "Sent", status: 201, bodyBytes: 5 }])
    })
  })
})

describe("a Response in parts", () => {
  it("has its head ahead of its first part", async () => {
    await withServer(fetchApp(() => new Response(new ReadableStream())), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      const head = await client.head()
      expect([head.status, head.get("Transfer-Encoding")]).toEqual([200, "chunked"])
      client.reset()
    })
  })

  it("that fails at once is answered 500", async () => {
    const app = fetchApp(() => new Response(new ReadableStream({ pull: () => Promise.reject(new Error("no")) })))
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
    void request.text().catch((error: unknown) => error).then((error) => ended.push(error))
    return new Response("not read")
  })
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(head("POST / HTTP/1.1", "Host: a", "Content-Length: 5"))
    expect((await client.response()).status).toBe(200)
    expect(await ended.first(1)).toMatchObject([{ _tag: "BodyError", reason: "Closed" }])
  })
})
