/**
 * Connections that are lost before they are served: each has one line with its peer, and a client that can be answered is
 * answered. Peers that have vanished without a word are noticed too.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { Duplex } from "node:stream"
import * as Tls from "node:tls"
import { listen, type Listener, wrapTls } from "tsgi"
import { afterAll, describe, expect, it, vi } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { program } from "../utils/made.js"
import { get, request } from "../utils/requests.js"
import { hello, type Served, withServer } from "../utils/serving.js"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

/** The descriptors run out in a separate process. */

const portOf = ({ address }: Served): number => address._tag === "Tcp" ? address.port : 0

const connectTo = ({ address }: Served): Net.Socket =>
  Net.connect(address._tag === "Tcp" ? { host: address.host, port: address.port } : { path: address.path })

/** Sends bytes as they are, and returns what has arrived when the connection has ended. */
const exchange = async (served: Served, sent: string, reset = false): Promise<{ got: string; own: string }> => {
  const { address } = served
  const socket = connectTo(served)
  let got = ""
  socket.on("error", () => undefined)
  await once(socket, "connect")
  const own = address._tag === "Tcp" ? `127.0.0.1:${socket.localPort}` : "unix"
  socket.setEncoding("latin1").on("data", (text: string) => {
    got += text
  })
  const closed = new Promise((resolve) => socket.once("close", resolve))
  socket.write(sent, () => {
    if (!reset) return
    if (address._tag === "Tcp") socket.resetAndDestroy()
    else socket.destroy()
  })
  await closed
  return { got, own }
}

describe("a handshake that fails", async () => {
  const certificate = await makeCertificate("localhost")
  const listeners: ReadonlyArray<readonly [string, () => Listener]> = [
    ["TCP", () => listen()],
    ["a unix socket", () => listen({ path: path.join(folder, "handshakes.sock") })]
  ]
  const cases: ReadonlyArray<readonly [what: string, sent: string, reset: boolean, why: RegExp]> = [
    ["garbage", "\u0016\u0003\u0001garbage garbage", false, /(?:packet|data) length too long|record/],
    ["bytes of another protocol", "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n", false, /wrong version number/],
    ["a client that leaves at once", "\u0016", true, /ECONNRESET|hang up|disconnected/]
  ]

  for (const [kind, listener] of listeners) {
    it.each(cases)(
      `${kind}: %s`,
      (_, sent, reset, why) =>
        withServer(hello, { listener: wrapTls(listener(), certificate) }, async (served) => {
          const { got, own } = await exchange(served, sent, reset)
          expect(got).not.toContain("HTTP")
          const line = await served.log.until(/ lost /)
          expect(line).toMatch(why)
          expect(line).toContain(` lost (${own}) Handshake: `)
          // it is one line, without the names of OpenSSL's sources
          expect(line).not.toMatch(/[\r\n]|\.c:\d/)
          await served.running.stop()
          expect(served.log.lines.filter((line) => / lost |^\s*$/.test(line))).toHaveLength(1)
        })
    )

    it.each([
      ["GET", get("/")],
      ["HEAD", "HEAD / HTTP/1.1\r\n\r\n"],
      ["POST", request("POST", "/", ["Content-Length: 100000"]) + "x".repeat(100_000)],
      ["PUT", "PUT / HTTP/1.1\r\n\r\n"],
      ["CONNECT", "CONNECT a:1 HTTP/1.1\r\n\r\n"],
      ["DELETE", request("DELETE", "/a")],
      ["OPTIONS", request("OPTIONS", "*")],
      ["PATCH", request("PATCH", "/", ["Content-Length: 100000"]) + "x".repeat(100_000)],
      ["TRACE", "TRACE / HTTP/1.1\r\n\r\n"],
      ["a method in small letters", "get / http/1.1\r\n\r\n"],
      ["a method that nobody knows", "M-SEARCH!~ / HTTP/1.1\r\n\r\n"],
      ["one letter", "A / HTTP/1.0\r\n\r\n"],
      ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\u0000\u0000\u0000\u0004"],
      ["empty lines before", "\r\n\r\nDELETE / HTTP/1.1\r\n\r\n"],
      ["line feeds alone", "DELETE / HTTP/1.1\n\n"],
      ["a target with a space", "DELETE /a b HTTP/1.1\r\n\r\n"],
      ["a target without end", `DELETE /${"a".repeat(100_000)}`],
      ["HTTP/0.9", "GET /\r\n"]
    ])(
      `${kind}: plain HTTP is answered 400 in plain text: %s`,
      (_, sent) =>
        withServer(hello, { listener: wrapTls(listener(), certificate) }, async (served) => {
          const { got, own } = await exchange(served, sent)
          expect(got).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: text\/plain/)
          expect(got).toMatch(/Connection: close\r\n\r\nThis port speaks HTTPS.*\n$/)
          await served.running.stop()
          const lost = served.log.lines.filter((line) => line.includes(" lost "))
          expect(lost).toHaveLength(1)
          expect(lost[0]).toContain(`(${own}) Handshake: `)
        })
    )

    it.each(["DELETE / HTTP/1.1\r\n\r\n", "\r\n\r\nPRI * HTTP/2.0\r\n\r\n"])(
      `${kind}: plain HTTP that comes a byte at a time is answered too: %j`,
      (sent) =>
        withServer(hello, { listener: wrapTls(listener(), certificate) }, async (served) => {
          const socket = connectTo(served)
          const answered = once(socket, "data")
          socket.on("error", () => undefined)
          await once(socket, "connect")
          for (const byte of sent.slice(0, sent.indexOf("HTTP") + 8)) {
            await new Promise((resolve) => socket.write(byte, resolve))
          }
          await new Promise((resolve) => socket.write("\n", resolve))
          expect(String((await answered)[0])).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
          socket.destroy()
        })
    )

    it(`${kind}: a handshake that comes a byte at a time loses none`, () =>
      withServer(hello, { listener: wrapTls(listener(), certificate) }, async (served) => {
        const socket = connectTo(served)
        const slow = new Duplex({
          read: () => socket.resume(),
          write: (bytes: Buffer, _, done) => {
            void (async () => {
              for (const byte of bytes) await new Promise((resolve) => socket.write(Uint8Array.of(byte), resolve))
              done()
            })()
          }
        })
        socket.on("data", (bytes) => slow.push(bytes) || socket.pause()).on("end", () => slow.push(null))
        const secured = Tls.connect({ socket: slow, rejectUnauthorized: false })
        await once(secured, "secureConnect")
        secured.write(get("/"))
        expect(String((await once(secured, "data"))[0])).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
        secured.destroy()
        socket.destroy()
      }))

    it.each(["", "DEL", "\r\n", "\u0016"])(
      `${kind}: who begins with %j and is silent then, is late`,
      (sent) =>
        withServer(
          hello,
          { listener: wrapTls(listener(), certificate), timeouts: { handshake: 50 } },
          async (served) => {
            const { got, own } = await exchange(served, sent)
            expect(got).not.toContain("HTTP")
            expect(await served.log.until(/ lost /)).toContain(` lost (${own}) Handshake: TLS handshake timeout`)
            await served.running.stop()
            expect(served.log.lines.filter((line) => line.includes(" lost "))).toHaveLength(1)
          }
        )
    )

    it(`${kind}: a stop does not wait for one that has only begun`, () =>
      withServer(hello, { listener: wrapTls(listener(), certificate) }, async (served) => {
        const socket = connectTo(served)
        socket.on("error", () => undefined)
        await once(socket, "connect")
        socket.write("DEL")
        const closed = once(socket, "close")
        await served.running.stop()
        await closed
      }))
  }
})

it.skipIf(process.platform !== "linux")("the log says when descriptors have run out", async () => {
  const child = spawn("sh", [
    "-c",
    `ulimit -n 128; exec "$0" "$1"`,
    process.execPath,
    await program("node/fewDescriptors")
  ], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let text = ""
  child.stdout.setEncoding("utf8").on("data", (some: string) => {
    text += some
  })
  const lines = () => text.split("\n").filter((line) => line.includes("no descriptor left"))
  await vi.waitFor(() => expect(text).toMatch(/starting up/), { timeout: 20_000 })
  const port = Number(/starting up on http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1])
  const crowd = async (): Promise<ReadonlyArray<Net.Socket>> => {
    const sockets = Array.from({ length: 160 }, () => Net.connect(port, "127.0.0.1").on("error", () => undefined))
    await Promise.all(sockets.map((socket) => once(socket, "connect").catch(() => undefined)))
    return sockets
  }
  const sockets = await crowd()
  await vi.waitFor(() => expect(lines()).toHaveLength(1), { timeout: 5000 })
  for (const socket of sockets) socket.destroy()
  expect(lines()[0]).toMatch(/^\(\d+\) the listener failed: Accept: the process has no descriptor left.*ulimit -n/)
  const ended = once(child, "exit")
  child.kill("SIGTERM")
  await ended
}, 40_000)

describe.skipIf(process.platform !== "linux")("TCP keep-alive", () => {
  // proc_net_tcp(5): for connected sockets, `tr` is 02 if the keep-alive timer runs, and `when` is in 1/100 s
  const timerOf = (port: number, peer: number): { readonly kind: string; readonly seconds: number } | undefined => {
    const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, "0")
    const line = fs.readFileSync("/proc/net/tcp", "utf8").split("\n")
      .map((line) => line.trim().split(/\s+/))
      .find((fields) => fields[1]?.endsWith(`:${hex(port)}`) && fields[2]?.endsWith(`:${hex(peer)}`))
    const [kind, when] = line?.[5]?.split(":") ?? []
    return kind === undefined ? undefined : { kind, seconds: Number.parseInt(when, 16) / 100 }
  }

  it.each([
    ["is on", {}, 60],
    ["begins when the option says", { keepAliveInitialDelay: 5000 }, 5],
    ["can be switched off", { keepAliveInitialDelay: Infinity }, undefined]
  ])("%s", (_, options, seconds) =>
    withServer(hello, { listener: listen(options) }, async (served) => {
      const socket = Net.connect(portOf(served), "127.0.0.1")
      await once(socket, "connect")
      socket.write(get("/"))
      await once(socket, "data")
      const look = () => timerOf(portOf(served), socket.localPort ?? 0)
      if (seconds === undefined) expect(look()?.kind).toBe("00")
      else {
        // other timers may run for a moment
        await vi.waitFor(() => expect(look()?.kind).toBe("02"))
        expect(look()?.seconds).toBeGreaterThan(seconds - 3)
        expect(look()?.seconds).toBeLessThanOrEqual(seconds)
      }
      socket.destroy()
    }))

  it.each([0, 999, -1, Number.NaN, 2 ** 31, "60"])("refuses %s", (given) => {
    expect(() => listen({ keepAliveInitialDelay: given as number })).toThrow(/keepAliveInitialDelay: must be a number/)
  })
})
