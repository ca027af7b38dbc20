/** A9: rows about failures, clients that leave and deadlines that no name of eventlet's proves. */
import type { App, Outcome } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../../utils/gate.js"
import { get, head } from "../../utils/requests.js"
import { echo, hello, plain, withServer } from "../../utils/serving.js"

it("row 114: whatever is thrown is answered 500", () => {
  const thrown: Record<string, () => unknown> = {
    "/error": () => new Error("an error"),
    "/text": () => "a text",
    "/nothing": () => undefined,
    "/null": () => null,
    "/object": () => ({ status: 200 })
  }
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    throw thrown[env.PATH_INFO]()
  }
  return withServer(app, {}, async ({ ask, log }) => {
    for (const path of Object.keys(thrown)) {
      const response = await ask(get(path))
      expect([path, response.status, response.get("Connection"), response.body.length]).toEqual([path, 500, "close", 0])
      expect(await log.until(new RegExp(`"GET ${path} HTTP/1\\.1" 500 0 `))).toBeDefined()
    }
  })
})

it("row 114: what is no body is a failure", () => {
  const bodies: Record<string, unknown> = { "/null": null, "/number": 7, "/list": ["a", 7], "/nested": [["a"]] }
  const app: App = (env, startResponse) => {
    startResponse("200 OK", plain)
    return bodies[env.PATH_INFO] as string
  }
  return withServer(app, {}, async ({ ask, log }) => {
    for (const path of Object.keys(bodies)) expect([path, (await ask(get(path))).status]).toEqual([path, 500])
    expect(await log.until(/InvalidBody/)).toBeDefined()
  })
})

it("row 117: a body that stops coming is answered 408, a silent connection is not answered", () =>
  withServer(echo, { timeouts: { body: 50, idle: 50 } }, async ({ connect, log }) => {
    const client = await connect()
    client.send(`${head("PUT / HTTP/1.1", "Host: a", "Content-Length: 10")}half`)
    const response = await client.response()
    expect([response.status, response.get("Connection")]).toEqual([408, "close"])
    await client.whenEnded()
    expect(await log.until(/"PUT \/ HTTP\/1\.1" 408 /)).toBeDefined()
    const idle = await connect()
    idle.send(get("/"))
    expect((await idle.response()).status).toBe(200)
    expect(await idle.all()).toHaveLength(0)
  }))

/** Never ends by itself; tells when it is called and when it is aborted. */
const waiting = () => {
  const reached = gate()
  const aborted = gate<unknown>()
  const outcome = gate<Outcome | undefined>()
  const app: App = (env) => {
    env["eventlet.posthooks"].push([(env) => outcome.open(env["tsgi.outcome"])])
    const signal = env["tsgi.signal"]
    reached.open()
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        aborted.open(signal.reason)
        reject(new Error("as you wish"))
      })
    )
  }
  return { aborted: aborted.opened, app, outcome: outcome.opened, reached: reached.opened }
}

it("row 119: hooks and log tell of a client that left before the answer, without a stack", async () => {
  const { app, outcome, reached } = waiting()
  await withServer(app, {}, async ({ connect, log }) => {
    const client = await connect()
    client.send(get("/"))
    await reached
    client.reset()
    expect(await outcome).toMatchObject({
      _tag: "Aborted",
      reason: "ClientGone",
      status: undefined,
      bodyBytes: 0,
      wireBytes: 0
    })
    expect(await log.until(/"GET \/ HTTP\/1\.1" 499 0 /)).toBeDefined()
    expect(log.text).not.toMatch(/\n\s+at /)
  })
})

it("row 120: an application at work is told that its client is gone", async () => {
  const { aborted, app, reached } = waiting()
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    await reached
    client.reset()
    expect(await aborted).toMatchObject({
      name: "AbortError",
      message: expect.stringContaining("ClientGone") as string
    })
  })
})

it("row 121: a head that comes byte by byte has one deadline", () =>
  withServer(hello, { timeouts: { head: 100 } }, async ({ connect, log }) => {
    const client = await connect()
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    const dripping = setInterval(() => client.send("a"), 10)
    try {
      expect((await client.response()).status).toBe(408)
      await client.whenEnded()
    } finally {
      clearInterval(dripping)
    }
    expect(await log.until(/" 408 /)).toBeDefined()
  }))
