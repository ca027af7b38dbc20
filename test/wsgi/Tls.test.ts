/** TLS: the rows about it that no name of eventlet's proves. */
import { Buffer } from "node:buffer"
import * as Net from "node:net"
import { type App, BindError, listen, OptionError, server, type TlsListener, wrapTls } from "tsgi"
import { beforeAll, describe, expect, it } from "vitest"
import { makeAnotherCertificate, makeCertificate } from "../utils/certificate.js"
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

describe("what TLS cannot use is told by the name of its option, at the start and at a reload:", () => {
  type Options = Parameters<typeof wrapTls>[1]
  const garbled = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
  const cases: ReadonlyArray<readonly [name: string, options: () => Promise<Options> | Options, message: RegExp]> = [
    ["a certificate that is none", () => ({ ...certificate, cert: garbled }), /^cert: cannot be used: .+/],
    ["bytes that are no certificate", () => ({ ...certificate, cert: Buffer.from("abc\n") }), /^cert: cannot be used/],
    ["text that is no key", () => ({ ...certificate, key: "abc\n" }), /^key: cannot be used/],
    [
      "key and certificate swapped, in bytes",
      () => ({ cert: Buffer.from(certificate.key), key: Buffer.from(certificate.cert) }),
      /^cert: has a PRIVATE KEY and no CERTIFICATE: key and cert may be swapped/
    ],
    ["a path in bytes", () => ({ ...certificate, cert: Buffer.from("/etc/ssl/a.pem") }), /^cert: .*not its path/],
    [
      "the key of another certificate",
      async () => ({ cert: certificate.cert, key: (await makeAnotherCertificate("localhost")).key }),
      /^key: does not belong to cert: .+/
    ],
    ["a pfx that is none", () => ({ pfx: Buffer.from("abc\n") }), /^pfx: cannot be used/],
    ["ciphers that are none", () => ({ ...certificate, ciphers: "NONE-SUCH" }), /^ciphers: cannot be used/],
    ["a curve that is none", () => ({ ...certificate, ecdhCurve: "none-such" }), /^ecdhCurve: cannot be used/],
    ["a version that is none", () => ({ ...certificate, minVersion: "TLSv9" as never }), /^minVersion: cannot be used/]
  ]
  const reloaded = (listener: TlsListener, options: unknown): unknown => {
    try {
      Reflect.apply(listener.reload, listener, [options])
      return undefined
    } catch (error) {
      return error
    }
  }
  it.each(cases)("%s", async (_, make, message) => {
    const options = await make()
    const started = await Promise.resolve().then(() => server(wrapTls(listen(), options), hello, { log: false }).ready)
      .catch((error: unknown) => error)
    const told = started instanceof BindError ? started.cause : started
    if (!(told instanceof OptionError)) throw new Error(`not an OptionError: ${String(told)}`)
    expect(told.message).toMatch(message)
    if (started instanceof BindError) expect(started.message).toBe(`cannot listen: ${told.message}`)
    const again = reloaded(wrapTls(listen(), certificate), options)
    if (!(again instanceof OptionError)) throw new Error(`not an OptionError: ${String(again)}`)
    expect(again.message).toMatch(message)
  })

  it("a promise, which has no options", () => {
    const promised = Promise.resolve(certificate)
    expect(() => wrapTls(listen(), promised as never)).toThrow(/^tls: give the options of TLS, .*: await it$/)
    const error = reloaded(wrapTls(listen(), certificate), promised)
    expect(error).toBeInstanceOf(OptionError)
    expect(String(error)).toMatch(/await it$/)
    expect(() => server(listen(), hello, Promise.resolve({}) as never)).toThrow(
      /^options: must be an object; .*: await it$/
    )
  })
})
