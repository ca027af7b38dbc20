/**
 * An error of a socket closes its connection, even if Node leaves that to its listeners. The family: the error of a TLS socket
 * whose client begins handshakes without end (TLS 1.2), with a request under way and without one; a client that resets right
 * after its handshake, for which there is no error; errors that other code emits on a socket.
 */
import * as Tls from "node:tls"
import { type App, listen, wrapTls } from "tsgi"
import { beforeAll, describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"

let certificate: Awaited<ReturnType<typeof makeCertificate>>

beforeAll(async () => {
  certificate = await makeCertificate("localhost")
})

/** Begins handshakes until the connection is closed. Returns how many have ended. */
const renegotiate = (port: number, first: string): Promise<number> =>
  new Promise((resolve) => {
    let ended = 0
    const socket = Tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, maxVersion: "TLSv1.2" })
    const again = (): void => {
      if (ended < 20 && !socket.destroyed) {
        socket.renegotiate({ rejectUnauthorized: false }, (error) => {
          if (error !== null) return
          ended++
          again()
        })
      } else socket.destroy()
    }
    socket.on("error", () => undefined)
    socket.once("close", () => resolve(ended))
    socket.once("secureConnect", () => {
      if (first !== "") socket.write(first)
      again()
    })
    socket.resume()
  })

it("a TLS client that resets its connection right after the handshake holds nothing", () =>
  withServer(
    hello,
    { listener: wrapTls(listen(), certificate), timeouts: { write: Infinity } },
    async ({ connectTls, log }) => {
      const count = 10
      for (let i = 0; i < count; i++) {
        const client = await connectTls()
        // these bytes would be answered with 400 if all that has arrived were read
        client.send("GET / HTTP/1.1\r\nHost: a\r\n")
        await turns(1)
        client.reset()
      }
      const over = (): number => log.lines.filter((line) => / lost |"GET \/ /.test(line)).length
      while (over() < count) await turns(1)
    }
  ))

describe("TLS 1.2: handshakes without end", () => {
  it("on an idle connection close it", () =>
    withServer(hello, { listener: wrapTls(listen(), certificate) }, async ({ address, connectTls, log }) => {
      if (address._tag !== "Tcp") throw new Error("no port")
      expect(await renegotiate(address.port, "")).toBeLessThan(10)
      expect(await log.untilDebug(/TLS session renegotiation attack detected/)).toBeDefined()
      const client = await connectTls()
      client.send(get("/"))
      expect((await client.response()).status).toBe(200)
    }))

  it("within a request end it: the application is told, and the hooks run", () => {
    const aborted = gate<unknown>()
    const app: App = (env, startResponse) => {
      startResponse("200 OK", [])
      env["eventlet.posthooks"].push([() => aborted.open(env["tsgi.outcome"])])
      return new Promise((_, reject) => env["tsgi.signal"].addEventListener("abort", () => reject(new Error("told"))))
    }
    return withServer(app, { listener: wrapTls(listen(), certificate) }, async ({ address }) => {
      if (address._tag !== "Tcp") throw new Error("no port")
      expect(await renegotiate(address.port, get("/"))).toBeLessThan(10)
      expect(await aborted.opened).toMatchObject({ _tag: "Aborted" })
    })
  })
})
