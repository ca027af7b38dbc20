/** A8: rows about persistence that no name of eventlet's proves. */
import { type App, listen, wrapTls } from "tsgi"
import type { WireClient } from "tsgi/testing"
import { expect, it } from "vitest"
import { makeCertificate } from "../../utils/certificate.js"
import { gate } from "../../utils/gate.js"
import { get, head } from "../../utils/requests.js"
import { echo, hello, plain, withServer } from "../../utils/serving.js"

it("row 105: pipelined requests are answered in order, whatever becomes ready first", async () => {
  const slow = gate()
  const begun: Array<string> = []
  const app: App = async (env, startResponse) => {
    begun.push(env.PATH_INFO)
    if (env.PATH_INFO === "/slow") await slow.opened
    startResponse("200 OK", plain)
    return env.PATH_INFO
  }
  await withServer(app, {}, async ({ ask, connect }) => {
    const client = await connect()
    client.send(get("/slow") + get("/quick") + get("/last"))
    await ask(get("/other"))
    expect(begun).toEqual(["/slow", "/other"])
    slow.open()
    for (const path of ["/slow", "/quick", "/last"]) expect((await client.response()).body.toString()).toBe(path)
  })
})

it("row 107: Connection is a list", () =>
  withServer(hello, {}, async ({ connect }) => {
    for (const request of [get("/", "Connection: foo, Close"), get("/", "Connection: foo", "connection: close")]) {
      const client = await connect()
      client.send(request)
      expect((await client.response()).get("Connection")).toBe("close")
      await client.whenEnded()
    }
    const old = await connect()
    old.send(head("GET / HTTP/1.0", "Connection: foo, Keep-Alive"))
    expect((await old.response()).get("Connection")).toBe("keep-alive")
  }))

it("row 109: without keepalive every answer says that it is the last", () =>
  withServer(hello, { keepalive: false }, async ({ connect }) => {
    const client = await connect()
    client.send(get("/") + get("/"))
    expect((await client.response()).get("Connection")).toBe("close")
    expect(await client.all()).toHaveLength(0)
  }))

it("row 110: who asked is told for how long, on HTTP/1.0 too", () =>
  withServer(hello, { keepalive: 7 }, async ({ ask }) => {
    const response = await ask(head("GET / HTTP/1.0", "Connection: keep-alive"))
    expect([response.get("Connection"), response.get("Keep-Alive")]).toEqual(["keep-alive", "timeout=7"])
  }))

it("row 111: HTTP/1.1 does not talk about what goes without saying", () =>
  withServer(hello, {}, async ({ ask }) => {
    const response = await ask(get("/"))
    expect([response.get("Connection"), response.get("Keep-Alive")]).toEqual([undefined, undefined])
  }))

it("row 112: a body that looks like a request is none, read or not", async () => {
  const inner = get("/inner")
  const paths: Array<string> = []
  const app: App = (env, startResponse) => {
    paths.push(env.PATH_INFO)
    return env.PATH_INFO === "/read" ? echo(env, startResponse) : hello(env, startResponse)
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    for (const path of ["/read", "/unread"]) {
      client.send(head(`PUT ${path} HTTP/1.1`, "Host: a", `Content-Length: ${inner.length}`) + inner)
      expect((await client.response()).status).toBe(200)
    }
    client.send(get("/last"))
    expect((await client.response()).status).toBe(200)
    expect(paths).toEqual(["/read", "/unread", "/last"])
  })
})

it("row 113: a client that has said its end still gets its answer", async () => {
  const tls = wrapTls(listen(), await makeCertificate("localhost"))
  for (const listener of [listen(), tls]) {
    const reached = gate()
    const go = gate()
    const app: App = async (env, startResponse) => {
      const body = await env["wsgi.input"].read()
      reached.open()
      await go.opened
      startResponse("200 OK", plain)
      return [body, "!"].values()
    }
    await withServer(app, { listener }, async (served) => {
      const client: WireClient = await (listener === tls ? served.connectTls() : served.connect())
      client.send(head("POST / HTTP/1.1", "Host: a", "Content-Length: 3") + "abc")
      client.end()
      await reached.opened
      // whoever comes now is served later than the end above was seen
      const other = await (listener === tls ? served.connectTls() : served.connect())
      other.send(head("POST / HTTP/1.1", "Host: a", "Content-Length: 1"))
      go.open()
      const response = await client.response()
      expect([response.status, response.get("Connection"), response.body.toString()]).toEqual([200, "close", "abc!"])
      await client.whenEnded()
    })
  }
})

it("row 113: with halfClose abort, the end of input is the end of the client", async () => {
  const aborted = gate<unknown>()
  const reached = gate()
  const app: App = (env) =>
    new Promise((_, reject) => {
      const signal = env["tsgi.signal"]
      signal.addEventListener("abort", () => {
        aborted.open(signal.reason)
        reject(new Error("aborted"))
      })
      reached.open()
    })
  await withServer(app, { halfClose: "abort" }, async ({ connect, log }) => {
    const client = await connect()
    client.send(get("/"))
    await reached.opened
    client.end()
    expect(await aborted.opened).toMatchObject({ name: "AbortError" })
    await client.whenEnded()
    expect(await log.until(/"GET \/ HTTP\/1\.1" 499 /)).toBeDefined()
  })
})
