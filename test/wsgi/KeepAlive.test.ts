/** A8: which connections go on. */
import type { App } from "tsgi"
import { expect, it } from "vitest"
import { get, head } from "../utils/requests.js"
import { hello, plain, withServer } from "../utils/serving.js"

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
    // one after the other, and all at once
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
    // A connection that says nothing is closed, so this one has been waiting longer than an idle one may.
    await (await connect()).whenEnded()
    client.send("Host: localhost\r\n\r\n")
    const response = await client.response()
    expect(response.status).toBe(202)
    expect(response.get("Keep-Alive")).toBeUndefined()
    // now it is idle, and too late for another
    await client.whenEnded()
    client.send(head("PUT / HTTP/1.1", "Host: localhost"))
    await (await connect()).whenEnded()
    expect(client.unread).toHaveLength(0)
    expect(calls).toEqual(["GET /"])
  })
})
