/** What must not happen to a server because of a log, a handshake or a body without end. */
import * as Net from "node:net"
import { listen, server, wrapTls } from "tsgi"
import { expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { connect } from "../utils/sockets.js"

it("a log that throws takes no request with it", async () => {
  const running = server(
    listen(),
    (_, startResponse) => {
      startResponse("200 OK", [])
      return "hello"
    },
    {
      log: () => {
        throw new Error("the disk is full")
      },
      logFormat: () => {
        throw new Error("no format")
      }
    }
  )
  const client = await connect(await running.ready)
  for (let i = 0; i < 2; i++) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    expect((await client.response()).body.toString()).toBe("hello")
  }
  client.close()
  await running.stop()
})

it("a handshake that does not end is dropped when the server stops", async () => {
  const running = server(wrapTls(listen(), await makeCertificate("localhost")), () => "", { logOutput: false })
  const address = await running.ready
  if (address._tag !== "Tcp") throw new Error("no port")
  const socket = Net.connect(address.port, address.host)
  socket.on("error", () => undefined)
  await new Promise((resolve) => socket.once("connect", resolve))
  // the server has seen the connection when it has begun another
  const other = Net.connect(address.port, address.host)
  other.on("error", () => undefined)
  await new Promise((resolve) => other.once("connect", resolve))
  const closed = Promise.all([socket, other].map((each) => new Promise((resolve) => each.once("close", resolve))))
  await new Promise((resolve) => setImmediate(resolve))
  await running.stop({ grace: 0 })
  await closed
})

it("a body without end leaves others their turn", async () => {
  const running = server(listen(), (env, startResponse) => {
    startResponse("200 OK", [])
    if (env.PATH_INFO === "/other") return "other"
    return (function*() {
      while (true) {
        const until = performance.now() + 1
        while (performance.now() < until);
        yield new Uint8Array(2048)
      }
    })()
  }, { logOutput: false, timeouts: { interrupt: 50 } })
  const address = await running.ready
  const endless = await connect(address)
  endless.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
  await endless.head()
  const other = await connect(address)
  other.send("GET /other HTTP/1.1\r\nHost: a\r\n\r\n")
  expect((await other.response()).body.toString()).toBe("other")
  endless.close()
  other.close()
  await running.stop({ grace: 0 })
})
