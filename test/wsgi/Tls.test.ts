/** TLS: the rows about it that no name of eventlet's proves. */
import * as Net from "node:net"
import { type App, listen, server, wrapTls } from "tsgi"
import { beforeAll, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { get, head } from "../utils/requests.js"
import { echo, hello, withServer } from "../utils/serving.js"
import { connect as connectTo } from "../utils/sockets.js"

let certificate: Awaited<ReturnType<typeof makeCertificate>>

beforeAll(async () => {
  certificate = await makeCertificate("localhost")
})

const tls = () => ({ listener: wrapTls(listen(), certificate) })

it("test_012_ssl_server", () =>
  withServer(echo, tls(), async ({ connectTls, log }) => {
    const client = await connectTls()
    client.send(head("POST /foo HTTP/1.1", "Host: localhost", "Connection: close", "Content-length:3") + "abc")
    expect((await client.all()).toString()).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nabc$/)
    expect(log.text).toMatch(/ starting up on https:\/\/127\.0\.0\.1:/)
  }))

it("test_013_empty_return", () => {
  const app: App = (_env, startResponse) => {
    startResponse("200 OK", [])
    return [""]
  }
  return withServer(app, tls(), async ({ connectTls }) => {
    const client = await connectTls()
    client.send(get("/foo", "Connection: close"))
    const text = (await client.all()).toString()
    expect(text).toMatch(/\r\nContent-Length: 0\r\n/)
    expect(text).toMatch(/\r\n\r\n$/)
  })
})

it("test_017_ssl_zeroreturnerror", () =>
  withServer(echo, tls(), async ({ connectTls, log }) => {
    // one client leaves within a request line, one within a body
    const early = await connectTls()
    early.send("X")
    early.close()
    const late = await connectTls()
    late.send(head("POST /late HTTP/1.1", "Host: localhost", "Content-Length: 10") + "abc")
    late.close()
    await log.until(/"POST \/late HTTP\/1\.1"/)
    const client = await connectTls()
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
  }))

it("test_028_ssl_handshake_errors", async () => {
  for (const data of ["", "GET /non-ssl-request HTTP/1.0\r\n\r\n"]) {
    await withServer(hello, tls(), async ({ address, connectTls, log }) => {
      const broken = await connectTo(address)
      if (data === "") broken.close()
      else {
        broken.send(data)
        await broken.whenEnded()
      }
      expect(await log.until(/^\(\d+\) lost \(.*\) Handshake: /)).toBeDefined()
      broken.close()
      const client = await connectTls()
      client.send(head("GET / HTTP/1.0", "Host: localhost"))
      expect((await client.all()).toString()).toMatch(/^HTTP[^]*hello world$/)
      expect(log.access).toHaveLength(1)
    })
  }
})

it("a handshake that does not end is dropped when the server stops", async () => {
  const running = server(wrapTls(listen(), await makeCertificate("localhost")), () => "", { logOutput: false })
  const address = await running.ready
  if (address._tag !== "Tcp") throw new Error("no port")
  const socket = Net.connect(address.port, address.host)
  socket.on("error", () => undefined)
  await new Promise((resolve) => socket.once("connect", resolve))
  // when the server has seen this connection, it has seen the earlier one too
  const other = Net.connect(address.port, address.host)
  other.on("error", () => undefined)
  await new Promise((resolve) => other.once("connect", resolve))
  const closed = Promise.all([socket, other].map((each) => new Promise((resolve) => each.once("close", resolve))))
  await new Promise((resolve) => setImmediate(resolve))
  await running.stop({ grace: 0 })
  await closed
})
