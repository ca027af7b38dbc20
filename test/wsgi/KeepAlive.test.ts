/** Connections that stay open, and those that do not: eventlet's tests by their names, and the rows that none of them proves. */
import { type App, listen, wrapTls } from "tsgi"
import type { WireClient } from "tsgi/testing"
import { expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { echo, hello, plain, withServer } from "../utils/serving.js"

it("test_002_keepalive", () =>
  withServer(hello, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    expect((await client.response()).body.toString()).toBe("hello world")
    client.send(get("/"))
    expect((await client.response()).body.toString()).toBe("hello world")
  }))

it("test_004_close_keepalive", () =>
  withServer(hello, {}, async ({ connect, log }) => {
    const client = await connect()
    client.send(get("/1"))
    const first = await client.response()
    expect(`${first.version} ${first.status} ${first.reason}`).toBe("HTTP/1.1 200 OK")
    client.send(get("/2", "Connection: close"))
    const second = await client.response()
    expect(second.status).toBe(200)
    expect(second.all("Connection")).toEqual(["close"])
    client.send(get("/3"))
    expect(await client.all()).toHaveLength(0)
    expect(log.text).not.toContain("/3")
  }))

it("test_008_correctresponse", () =>
  withServer(hello, {}, async ({ connect }) => {
    const client = await connect()
    // the requests are sent one after the other, and then all at once
    const statuses: Array<string> = []
    for (const path of ["/", "/notexist", "/"]) {
      client.send(get(path))
      const response = await client.response()
      statuses.push(`${response.status} ${response.reason}`)
    }
    expect(statuses).toEqual(["200 OK", "404 Not Found", "200 OK"])
    client.send(get("/") + get("/notexist") + get("/"))
    expect([await client.response(), await client.response(), await client.response()].map(({ status }) => status))
      .toEqual([200, 404, 200])
  }))

it("test_018_http_10_keepalive", () =>
  withServer(hello, {}, async ({ connect }) => {
    const client = await connect()
    for (let i = 0; i < 2; i++) {
      client.send(head("GET / HTTP/1.0", "Host: localhost", "Connection: keep-alive"))
      const response = await client.response()
      expect(response.status).toBe(200)
      expect(response.all("Connection")).toEqual(["keep-alive"])
      expect(response.body.toString()).toBe("hello world")
    }
  }))

it("test_026_http_10_nokeepalive", () =>
  withServer(hello, { keepalive: false }, async ({ connect }) => {
    const client = await connect()
    client.send(head("GET / HTTP/1.0", "Host: localhost", "Connection: keep-alive"))
    expect((await client.response()).all("Connection")).toEqual(["close"])
    await client.whenEnded()
  }))

it("test_026b_http_10_zero_keepalive", () =>
  withServer(hello, { keepalive: 0 }, async ({ ask, connect }) => {
    const client = await connect()
    client.send(head("GET / HTTP/1.0", "Host: localhost", "Connection: keep-alive"))
    expect((await client.response()).all("Connection")).toEqual(["close"])
    await client.whenEnded()
    expect((await ask(get("/"))).all("Connection")).toEqual(["close"])
  }))

it("test_iterable_app_keeps_socket_open_unless_connection_close_sent", async () => {
  const empty: App = (_env, startResponse) => {
    startResponse("200 OK", plain)
    return (async function*() {})()
  }
  await withServer(empty, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    const first = await client.response()
    expect(`${first.version} ${first.status} ${first.reason}`).toBe("HTTP/1.1 200 OK")
    expect(first.get("Connection")).toBeUndefined()
    client.send(get("/", "Connection: close"))
    const second = await client.head()
    expect(second.status).toBe(200)
    expect(second.get("Transfer-Encoding")).toBe("chunked")
    expect((await client.all()).toString()).toBe("0\r\n\r\n")
  })
})

it("test_server_keepalive_sent_in_headers", () =>
  withServer(hello, { keepalive: 2.5 }, async ({ ask }) => {
    const asked = await ask(head("GET / HTTP/1.1", "Connection: keep-alive", "Host: localhost"))
    expect(asked.all("Connection")).toEqual(["keep-alive"])
    expect(asked.all("Keep-Alive")).toEqual(["timeout=2"])
    expect((await ask(get("/"))).get("Keep-Alive")).toBeUndefined()
  }))

it("test_server_keepalive_as_timeout", async () => {
  const calls: Array<string> = []
  const app: App = (env, startResponse) => {
    calls.push(`${env.REQUEST_METHOD} ${env.PATH_INFO}`)
    startResponse("202 Accepted", [])
    return []
  }
  await withServer(app, { keepalive: 0.1, socketTimeout: 10 }, async ({ connect }) => {
    const client = await connect()
    client.send("GET / HTTP/1.1\r\n")
    // A silent connection was closed, so this one has waited for longer than an idle one may.
    await (await connect()).whenEnded()
    client.send("Host: localhost\r\n\r\n")
    const response = await client.response()
    expect(response.status).toBe(202)
    expect(response.get("Keep-Alive")).toBeUndefined()
    // now it is idle, and too late for another request
    await client.whenEnded()
    client.send(head("PUT / HTTP/1.1", "Host: localhost"))
    await (await connect()).whenEnded()
    expect(client.unread).toHaveLength(0)
    expect(calls).toEqual(["GET /"])
  })
})

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

it("row 110: a client that asked is told for how long, on HTTP/1.0 too", () =>
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
      // a client that connects now is served after the end above was seen
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
