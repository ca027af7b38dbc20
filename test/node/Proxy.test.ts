/**
 * Listeners behind proxies that send PROXY headers: who the client is, on TCP, unix sockets and TLS, at both doors; and every
 * connection without a valid header is closed and never answered. HAProxy and curl are used if they are installed.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { it as effectIt } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import * as Tls from "node:tls"
import { promisify } from "node:util"
import { type Address, type App, listen, type ListenOptions, type ServerOptions, wrapTls } from "tsgi"
import { TrustedProxies, TsgiHttpServer } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import { afterAll, describe, expect, it } from "vitest"
import { ProxyHeaders } from "../../src/node/ProxyHeaders.js"
import { makeCertificate } from "../utils/certificate.js"
import { freePort } from "../utils/ports.js"
import { installed, Program } from "../utils/processes.js"
import { ipv6, version2 } from "../utils/proxyHeader.js"
import { get } from "../utils/requests.js"
import { type Served, withServer } from "../utils/serving.js"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-proxy-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const whoami: App = async (env, startResponse) => {
  const body = await env["wsgi.input"].read()
  startResponse("200 OK", [])
  const { "tsgi.proxy": proxy } = env
  const said = proxy === undefined ? "nothing" : `v${proxy.version} ${proxy.authority ?? "-"}`
  return `${env.REMOTE_ADDR} ${env.REMOTE_PORT} ${env["wsgi.url_scheme"]} ${said} ${body.toString()}`.trim()
}

const proxied = (
  options: ListenOptions & { readonly proxy: "v1" | "v2" | "any" },
  test: (served: Served) => Promise<void>,
  serverOptions: ServerOptions = {}
) => withServer(whoami, { listener: listen(options), ...serverOptions }, test)

const v1 = "PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"

const answered = async (client: WireClient): Promise<string> => (await client.response()).body.toString()

describe("the client's address is the header's", () => {
  it.each<[string, string | Uint8Array, string]>([
    ["version 1", v1, "192.0.2.7 4711 http v1 -"],
    ["version 2", version2(), "192.0.2.7 4711 http v2 -"],
    [
      "IPv6",
      version2({ family: 0x21, addresses: ipv6("2001:db8:0:0:0:0:0:7", 1, "0:0:0:0:0:0:0:1", 2) }),
      "2001:db8::7 1 http v2 -"
    ],
    ["values", version2({ tlvs: [[0x02, Buffer.from("shop.example")]] }), "192.0.2.7 4711 http v2 shop.example"],
    ["unix", version2({ family: 0x31, addresses: Buffer.alloc(216) }), "unix  http v2 -"]
  ])("%s", (_, header, expected) =>
    proxied({ proxy: "any" }, async ({ connect, log }) => {
      const client = await connect()
      client.send(Buffer.concat([Buffer.from(header), Buffer.from(get("/"))]))
      expect(await answered(client)).toBe(expected)
      // the addresses stay the same for the whole connection
      client.send(get("/again"))
      expect(await answered(client)).toBe(expected)
      const host = expected.split(" ")[0] === "unix" ? /^unix/ : new RegExp(`^${expected.split(" ")[0]} `)
      expect(log.access.every((line) => host.test(line))).toBe(true)
    }))

  it.each<[string, string | Uint8Array]>([
    ["LOCAL", version2({ command: 0x20, family: 0, addresses: Buffer.alloc(0) })],
    ["UNKNOWN", "PROXY UNKNOWN\r\n"],
    ["UNSPEC", version2({ family: 0, addresses: Buffer.alloc(0) })]
  ])("and its peer's own where it says none: %s", (_, header) =>
    proxied({ proxy: "any" }, async ({ ask }) => {
      const { body } = await ask(Buffer.concat([Buffer.from(header), Buffer.from(get("/"))]))
      expect(body.toString()).toMatch(/^127\.0\.0\.1 \d+ http v[12] -$/)
    }))

  it("on a unix socket", () =>
    proxied({ proxy: "v2", path: path.join(folder, "proxied.sock") }, async ({ ask }) => {
      const { body } = await ask(Buffer.concat([version2(), Buffer.from(get("/"))]))
      expect(body.toString()).toBe("192.0.2.7 4711 http v2 -")
    }))

  it("with no byte lost, however it all comes", () =>
    proxied({ proxy: "v2" }, async ({ connect }) => {
      const header = version2({ tlvs: [[0x04, Buffer.alloc(50)]], checksum: 0 })
      const post = (body: string) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`
      const all = Buffer.concat([header, Buffer.from(post("first") + post("x".repeat(100_000)) + post("last"))])
      for (
        const cuts of [[], [1], [15], [16], [header.length - 1], [header.length], [header.length + 1], [1, 2, 13, 200]]
      ) {
        const client = await connect()
        let from = 0
        for (const at of [...cuts, all.length]) {
          client.send(all.subarray(from, at))
          from = at
          await new Promise(setImmediate)
        }
        for (const body of ["first", "x".repeat(100_000), "last"]) {
          expect(await answered(client)).toBe(`192.0.2.7 4711 http v2 - ${body}`)
        }
        client.close()
      }
    }))

  it("when the peer has closed its sending half with the request", () =>
    proxied({ proxy: "v1" }, async ({ connect }) => {
      const client = await connect()
      client.send(v1 + get("/"))
      client.end()
      expect(await answered(client)).toBe("192.0.2.7 4711 http v1 -")
    }))

  it("and is the peer whom trustedProxies asks about", async () => {
    const forwarded = get("/", "X-Forwarded-For: 203.0.113.9")
    const options = { forwarded: "x-forwarded" } as const
    await proxied({ proxy: "v1" }, async ({ ask }) => {
      expect((await ask(v1 + forwarded)).body.toString()).toMatch(/^192\.0\.2\.7 4711 /)
    }, { ...options, trustedProxies: ["127.0.0.1"] })
    await proxied({ proxy: "v1" }, async ({ ask }) => {
      expect((await ask(v1 + forwarded)).body.toString()).toMatch(/^203\.0\.113\.9 /)
    }, { ...options, trustedProxies: ["192.0.2.7"] })
  })
})

describe("before TLS", async () => {
  const certificate = await makeCertificate("localhost")

  const secured = (
    address: Address,
    header: string | Uint8Array,
    together: boolean
  ): Promise<{ readonly text: string; readonly authorized: string | null }> =>
    new Promise((resolve, reject) => {
      if (address._tag === "Unix") return reject(new Error("not TCP"))
      const carrier = Net.connect({ host: address.host, port: address.port })
      if (together) carrier.cork()
      carrier.write(header)
      const socket = Tls.connect({ socket: carrier, rejectUnauthorized: false }, () => {
        socket.write(get("/", "Connection: close"))
      })
      if (together) process.nextTick(() => carrier.uncork())
      let text = ""
      socket.setEncoding("latin1").on("data", (part: string) => (text += part))
      socket.on("end", () => resolve({ text, authorized: socket.getProtocol() }))
      socket.on("error", reject)
    })

  it.each([["apart from it", false], ["together with its first bytes", true]])(
    "%s",
    (_, together) =>
      withServer(whoami, { listener: wrapTls(listen({ proxy: "any" }), certificate) }, async ({ address, running }) => {
        for (const header of [v1, version2()]) {
          expect((await secured(address, header, together)).text).toMatch(/\r\n\r\n192\.0\.2\.7 4711 https v[12] -$/)
        }
        expect(running.metrics().lost).toEqual({})
      })
  )

  it("a handshake that fails is logged with the client's name", () =>
    withServer(whoami, { listener: wrapTls(listen({ proxy: "v1" }), certificate) }, async ({ connect, log }) => {
      const client = await connect()
      client.send(`${v1}no handshake at all`)
      expect(await log.until(/ lost /)).toMatch(/ lost \(192\.0\.2\.7:4711\) Handshake: /)
    }))

  it("TLS without the header is closed", () =>
    withServer(whoami, { listener: wrapTls(listen({ proxy: "v1" }), certificate) }, async ({ connectTls, log }) => {
      await expect(connectTls()).rejects.toThrow()
      expect(await log.until(/ lost /)).toMatch(/ lost \(127\.0\.0\.1:\d+\) Proxy: the connection does not begin with/)
    }))
})

describe("a connection without a valid header is closed and never answered", () => {
  it.each<[string, string | Uint8Array, RegExp, string]>([
    ["a request", get("/"), /does not begin with a PROXY header of version 1/, "ProxyMissing"],
    ["the other version", version2(), /does not begin with a PROXY header of version 1/, "ProxyMissing"],
    ["a bad line", "PROXY TCP4 x y 1 2\r\n", /the line is malformed/, "ProxyMalformed"],
    ["a line without end", `PROXY TCP4 ${"1".repeat(200)}`, /longer than 107 bytes/, "ProxyMalformed"]
  ])("%s", (_, bytes, why, reason) =>
    proxied({ proxy: "v1" }, async ({ connect, log, running }) => {
      const client = await connect()
      client.send(bytes)
      await client.whenEnded()
      expect(client.received).toBe(0)
      const line = await log.until(/ lost /)
      expect(line).toMatch(/ lost \(127\.0\.0\.1:\d+\) Proxy: /)
      expect(line).toMatch(why)
      expect(running.metrics()).toMatchObject({ lost: { [reason]: 1 }, accepted: 0 })
      expect(log.access).toEqual([])
    }))

  it("one that leaves before it is complete", () =>
    proxied({ proxy: "v1" }, async ({ connect, log, running }) => {
      const client = await connect()
      client.send("PROXY TCP4")
      client.end()
      await client.whenEnded()
      expect(await log.until(/ lost /)).toMatch(/Proxy: the peer left before/)
      expect(running.metrics().lost).toEqual({ ProxyMissing: 1 })
    }))

  it("one that was gone before its address could be read", () => {
    const told: Array<string> = []
    const headers = new ProxyHeaders({
      versions: "any",
      from: TrustedProxies.make(["127.0.0.1"]),
      most: 1,
      timeout: 1000,
      peerOf: () => ({ _tag: "Tcp", host: "", port: 0 }),
      read: () => told.push("introduced"),
      lost: ({ detail, message }) => told.push(`${detail} ${message}`)
    })
    const socket = new Net.Socket()
    headers.add(socket)
    expect(socket.destroyed).toBe(true)
    expect(told).toEqual(["Missing Proxy: the peer left before its PROXY header was complete"])
  })

  it("one that is late", () =>
    proxied({ proxy: "v1" }, async ({ connect, log, running }) => {
      const client = await connect()
      client.send("PROXY ")
      await client.whenEnded()
      expect(client.received).toBe(0)
      expect(await log.until(/ lost /)).toMatch(/Proxy: no PROXY header within timeouts\.handshake, 100 ms/)
      expect(running.metrics().lost).toEqual({ ProxyLate: 1 })
    }, { timeouts: { handshake: 100 } }))

  it("a stranger, whatever it sends", () =>
    proxied({ proxy: "v1", proxyFrom: ["192.0.2.0/24"] }, async ({ connect, log, running }) => {
      const client = await connect()
      client.send(v1 + get("/"))
      await client.whenEnded()
      expect(client.received).toBe(0)
      expect(await log.until(/ lost /)).toMatch(/ lost \(127\.0\.0\.1:\d+\) Proxy: this peer is not in proxyFrom/)
      expect(running.metrics().lost).toEqual({ ProxyStranger: 1 })
    }))

  it("the oldest of a crowd that says nothing", () =>
    proxied({ proxy: "v1" }, async ({ connect, log }) => {
      const silent = [await connect(), await connect()]
      const client = await connect()
      client.send(v1 + get("/"))
      expect(await answered(client)).toMatch(/^192\.0\.2\.7 /)
      await silent[0].whenEnded()
      expect(await log.until(/ lost /)).toMatch(/Proxy: closed for a newer connection: limits\.handshakes is 2/)
    }, { limits: { handshakes: 2 } }))

  it("clients that have sent nothing when the server stops", () =>
    proxied({ proxy: "v1" }, async ({ connect, log, running }) => {
      const client = await connect()
      await running.stop()
      await client.whenEnded()
      expect(log.text).toMatch(/Proxy: the server stops/)
    }))
})

describe("invalid options", () => {
  it.each<[ListenOptions, RegExp]>([
    [{ proxy: "v3" as never }, /^proxy: must be "v1", "v2" or "any"/],
    [{ proxy: true as never }, /^proxy: /],
    [{ proxy: "any", proxyFrom: "127.0.0.1" as never }, /^proxyFrom: must be a list/],
    [{ proxy: "any", proxyFrom: ["localhost"] }, /^proxyFrom: localhost is not an address/]
  ])("%j", async (options, message) => {
    expect(() => listen(options)).toThrow(message)
    const error = await Effect.runPromise(Effect.flip(Effect.scoped(TsgiHttpServer.make(options))))
    expect(error.cause).toMatchObject({ message: expect.stringMatching(message.source.replace("^", "")) as string })
  })
})

describe("the Effect door", () => {
  effectIt.scopedLive("has the client and the header", () =>
    Effect.gen(function*() {
      const served = yield* TsgiHttpServer.make({ port: 0, host: "127.0.0.1", proxy: "v2", timeouts: { grace: 0 } })
      yield* served.serve(Effect.gen(function*() {
        const request = yield* HttpServerRequest.HttpServerRequest
        const header = yield* TsgiHttpServer.proxy
        return HttpServerResponse.text(JSON.stringify([
          Option.getOrNull(request.remoteAddress),
          Option.getOrNull(Option.map(header, ({ alpn, destination }) => [alpn, destination]))
        ]))
      }))
      const { address } = served
      if (address._tag !== "TcpAddress") throw new Error("not TCP")
      const text = yield* Effect.promise(() =>
        exchange(
          address.port,
          Buffer.concat([
            version2({ tlvs: [[0x01, Buffer.from("http/1.1")]] }),
            Buffer.from(get("/", "Connection: close"))
          ])
        )
      )
      expect(JSON.parse(text.slice(text.indexOf("["))) as unknown).toEqual([
        "192.0.2.7",
        ["http/1.1", { host: "198.51.100.1", port: 443 }]
      ])
    }))

  effectIt.scopedLive("has no header where none is asked for", () =>
    Effect.gen(function*() {
      const served = yield* TsgiHttpServer.make({ port: 0, host: "127.0.0.1", timeouts: { grace: 0 } })
      yield* served.serve(Effect.map(TsgiHttpServer.proxy, (header) => HttpServerResponse.text(header._tag)))
      const { address } = served
      if (address._tag !== "TcpAddress") throw new Error("not TCP")
      const text = yield* Effect.promise(() => exchange(address.port, Buffer.from(get("/", "Connection: close"))))
      expect(text).toMatch(/None$/)
    }))
})

const exchange = (port: number, bytes: Uint8Array): Promise<string> =>
  new Promise((resolve, reject) => {
    const socket = Net.connect({ host: "127.0.0.1", port })
    let text = ""
    socket.setEncoding("latin1").on("data", (part: string) => (text += part))
    socket.on("end", () => resolve(text))
    socket.on("error", reject)
    socket.write(bytes)
  })

const haproxy = installed("haproxy")
const curl = installed("curl")

describe.skipIf(curl === undefined)("curl --haproxy-protocol (skipped where it is not installed)", async () => {
  const certificate = await makeCertificate("localhost")
  const run = promisify(execFile)

  it.each([["http", false], ["https", true]])("%s", (scheme, tls) => {
    const listener = tls ? wrapTls(listen({ proxy: "v1" }), certificate) : listen({ proxy: "v1" })
    return withServer(whoami, { listener }, async ({ address }) => {
      if (address._tag === "Unix") throw new Error("not TCP")
      const url = `${scheme}://127.0.0.1:${address.port}/`
      const { stdout } = await run(curl ?? "", ["-ks", "--haproxy-protocol", "-m", "10", url])
      expect(stdout).toMatch(new RegExp(`^127\\.0\\.0\\.1 \\d+ ${scheme} v1 -$`))
      const without = await run(curl ?? "", ["-ks", "-m", "10", url]).catch((error: unknown) => error)
      expect(without).toMatchObject({ stdout: "" })
    })
  })
})

describe.skipIf(haproxy === undefined)("HAProxy (skipped where it is not installed)", () => {
  it.each([
    ["send-proxy", "v1"],
    ["send-proxy-v2 proxy-v2-options unique-id,crc32c,authority", "v2"]
  ])(
    "%s: the client's address, and its checks pass",
    (how, version) =>
      proxied({ proxy: "any" }, async ({ address, log, running }) => {
        if (address._tag === "Unix") throw new Error("not TCP")
        const [front, bare] = [await freePort(), await freePort()]
        const file = path.join(folder, `${version}.cfg`)
        fs.writeFileSync(
          file,
          `
global
  stats socket ${path.join(folder, `${version}.stats`)} mode 600
  log stderr format raw local0
defaults
  mode http
  timeout connect 2s
  timeout client 10s
  timeout server 10s
frontend front
  bind 127.0.0.1:${front}
  unique-id-format %ci:%cp
  default_backend servers
frontend bare
  bind 127.0.0.1:${bare}
  default_backend without
backend servers
  option httpchk GET /check
  server one 127.0.0.1:${address.port} ${how} check inter 200ms
backend without
  server one 127.0.0.1:${address.port}
`
        )
        await using program = new Program(haproxy ?? "", ["-db", "-f", file], { cwd: folder })
        // HAProxy's own checks request /check
        await log.until(/GET \/check /)
        const [socket, text] = await new Promise<[number | undefined, string]>((resolve, reject) => {
          const socket = Net.connect({ host: "127.0.0.1", port: front })
          let port: number | undefined
          let text = ""
          socket.once("connect", () => {
            port = socket.localPort
            socket.write(get("/who", "Connection: close"))
          })
          socket.setEncoding("latin1").on("data", (part: string) => (text += part))
          socket.on("end", () => resolve([port, text]))
          socket.on("error", reject)
        })
        expect(text).toMatch(new RegExp(`127\\.0\\.0\\.1 ${socket} http ${version} -$`))
        await log.until(/^127\.0\.0\.1 .*GET \/who /)
        const up = await new Promise<string>((resolve, reject) => {
          const socket = Net.connect({ path: path.join(folder, `${version}.stats`) })
          let text = ""
          socket.setEncoding("latin1").on("data", (part: string) => (text += part))
          socket.on("end", () => resolve(text))
          socket.on("error", reject)
          socket.write("show servers state servers\n")
        })
        // srv_op_state: 2 is running
        expect(up).toMatch(/servers 1 one 127\.0\.0\.1 2 /)
        expect(running.metrics().lost).toEqual({})
        const without = await exchange(bare, Buffer.from(get("/", "Connection: close")))
        expect(without).toMatch(/^HTTP\/1\.\d 502 /)
        expect(running.metrics().lost).toMatchObject({ ProxyMissing: expect.any(Number) as number })
        program.kill("SIGTERM")
        await program.ended
      }),
    30_000
  )
})
