/** The listener in memory keeps the promises of a transport, and has the unpleasant behaviour of networks. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { Duplex } from "node:stream"
import { listen, server, wrapTls } from "tsgi"
import { MemoryListener, type MemoryOptions, type WireClient } from "tsgi/testing"
import { Listener } from "../../src/server/Listener.js"
import type { Transport } from "../../src/transport/Transport.js"
import { gate } from "../utils/gate.js"
import { atRest, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"

interface Pair {
  readonly client: WireClient
  readonly transport: Transport
  /** The events of the transport, in order. */
  readonly told: Array<string>
  readonly open: () => void
}

const withPair = async (options: MemoryOptions, use: (pair: Pair) => Promise<void>): Promise<void> => {
  const memory = MemoryListener.make(options)
  const scope = Effect.runSync(Scope.make())
  const arrived = gate<Transport>()
  await Effect.runPromise(Scope.extend(
    memory.listener.bind({ accepted: arrived.open, lost: () => undefined }, { handshakeTimeout: 1000, handshakes: 10 }),
    scope
  ))
  const client = memory.connect()
  const transport = await arrived.opened
  const told: Array<string> = []
  const open = (): void =>
    transport.open({
      data: (bytes) => told.push(Buffer.from(bytes).toString("latin1")),
      end: () => told.push("end"),
      progress: () => told.push("progress"),
      closed: (error) => told.push(`closed ${error?.reason ?? ""}`)
    })
  await use({ client, transport, told, open })
  await Effect.runPromise(Scope.close(scope, Exit.void))
}

const test = (name: string, use: (pair: Pair) => Promise<void>, options: MemoryOptions = {}): void =>
  it(name, () => withPair(options, use))

describe("a transport in memory", () => {
  test("tells nothing before it is open, and nothing within a call", async ({ client, open, told }) => {
    client.send("abc")
    await turns(5)
    open()
    expect(told).toEqual([])
    client.send("def")
    client.end()
    expect(told).toEqual([])
    await turns(10)
    expect(told).toEqual(["abc", "def", "end"])
  })

  test("delivers in pieces as small as it is told to", async ({ client, open, told }) => {
    open()
    client.send("abcd")
    client.send("ef")
    client.end()
    await turns(20)
    expect(told).toEqual(["abc", "d", "ef", "end"])
  }, { deliverAtMost: 3 })

  test("keeps order and end through pauses", async ({ client, open, told, transport }) => {
    open()
    transport.pause()
    client.send("abc")
    client.end()
    await turns(10)
    expect(told).toEqual([])
    transport.resume()
    transport.pause()
    await turns(10)
    expect(told).toEqual([])
    transport.resume()
    await turns(10)
    expect(told).toEqual(["abc", "end"])
  })

  test("takes what there is room for, and tells of progress", async ({ client, open, told, transport }) => {
    open()
    client.pause()
    transport.write("x".repeat(15))
    expect([transport.handed, transport.pending]).toEqual([10, 5])
    transport.write("y")
    await turns(10)
    expect([transport.handed, transport.pending, told]).toEqual([10, 6, []])
    client.resume()
    expect(String(await client.bytes(16))).toBe("xxxxxxxxxxxxxxxy")
    expect([transport.handed, transport.pending]).toEqual([16, 0])
    await turns(10)
    expect(told).toEqual(["progress"])
  }, { bufferSize: 10 })

  test("takes no more at a time than it is told to", async ({ client, open, told, transport }) => {
    open()
    transport.write("abcdefgh")
    expect([transport.handed, transport.pending]).toEqual([3, 5])
    expect(String(await client.bytes(8))).toBe("abcdefgh")
    await turns(5)
    expect(told).toEqual(["progress", "progress"])
  }, { takeAtMost: 3 })

  test("holds writes back while it is corked", async ({ client, open, transport }) => {
    open()
    transport.cork()
    transport.write("a")
    transport.write("b")
    await turns(10)
    expect([client.received, transport.pending]).toEqual([0, 2])
    transport.uncork()
    expect([transport.handed, transport.pending]).toEqual([2, 0])
    expect(String(await client.bytes(2))).toBe("ab")
  })

  test("stops a client whose bytes nobody takes", async ({ client, open, transport }) => {
    open()
    transport.pause()
    client.send("x".repeat(100))
    expect(await atRest(() => client.unsent)).toBe(90)
    transport.resume()
    expect(await atRest(() => client.unsent)).toBe(0)
  }, { bufferSize: 10 })

  test("copies what it took, so that the writer may go on", async ({ client, open, transport }) => {
    open()
    const bytes = Buffer.from("abc")
    transport.write(bytes)
    bytes.fill("z")
    expect(String(await client.bytes(3))).toBe("abc")
  })

  test("is closed when both sides have said their end", async ({ client, open, told, transport }) => {
    open()
    transport.write("abc")
    transport.end()
    expect(String(await client.all())).toBe("abc")
    client.send("def")
    client.end()
    await client.whenClosed()
    await turns(10)
    expect(told).toEqual(["def", "end", "closed "])
  })

  test("is closed once, at the server's wish", async ({ client, open, told, transport }) => {
    open()
    transport.write("abc")
    transport.destroy()
    transport.destroy()
    expect(told).toEqual([])
    expect(String(await client.all())).toBe("abc")
    await turns(10)
    expect(told).toEqual(["closed "])
  })

  test("is reset by a client that leaves so", async ({ client, open, told, transport }) => {
    open()
    transport.write("abc")
    client.reset()
    await turns(10)
    expect(told).toEqual(["closed Reset"])
  })

  test("is reset by a write to a client that has left", async ({ client, open, told, transport }) => {
    open()
    client.close()
    await turns(10)
    expect(told).toEqual(["end"])
    transport.write("abc")
    await turns(10)
    expect([told, transport.handed]).toEqual([["end", "closed Reset"], 0])
  })

  test("destroys what was sent when it leaves bytes unread (RFC 9112, 9.6)", async ({ client, open, transport }) => {
    open()
    transport.pause()
    client.pause()
    client.send("unread")
    await turns(5)
    transport.write("lost")
    transport.destroy()
    client.resume()
    await client.whenClosed()
    expect(client.received).toBe(0)
  })

  test("gives its stream away", async ({ client, open, told, transport }) => {
    open()
    client.send("abc")
    await turns(5)
    let owed = 0
    const stream = transport.detach(() => owed++)
    if (!(stream instanceof Duplex)) throw new Error("no stream")
    stream.unshift("rest ")
    client.send("def".repeat(10))
    let read = ""
    stream.on("data", (bytes: Buffer) => read += bytes.toString("latin1"))
    stream.end("x".repeat(25))
    expect(String(await client.all())).toBe("x".repeat(25))
    client.end()
    await client.whenClosed()
    await turns(10)
    expect(read).toBe(`rest ${"def".repeat(10)}`)
    expect(told).toEqual(["abc", "closed "])
    expect(owed).toBe(1)
  }, { bufferSize: 10 })
})

describe("a listener in memory", () => {
  it("is bound once at a time", async () => {
    const memory = MemoryListener.make()
    expect(() => memory.connect()).toThrow("no server listens")
    const app = () => ""
    const first = server(memory.listener, app, { logOutput: false })
    await first.ready
    const second = server(memory.listener, app, { logOutput: false })
    await expect(second.ready).rejects.toMatchObject({ _tag: "BindError", reason: "AddressInUse" })
    await first.stop()
    expect(() => memory.connect()).toThrow("no server listens")
    const third = server(memory.listener, app, { logOutput: false })
    await third.ready
    await third.stop()
  })

  it("shows the application what it is told to", async () => {
    const remote = { _tag: "Tcp", host: "192.0.2.1", port: 7 } as const
    const tls = {
      protocol: "TLSv1.3",
      cipher: undefined,
      serverName: "a",
      alpnProtocol: undefined,
      authorized: false,
      peerCertificate: undefined
    }
    const memory = MemoryListener.make({ tls })
    const running = server(memory.listener, (env, start) => {
      start("200 OK", [])
      return `${env["wsgi.url_scheme"]} ${env.REMOTE_ADDR} ${env.REMOTE_PORT}`
    }, { logOutput: false })
    expect(await running.ready).toEqual(memory.address)
    await using client = memory.connect({ remote })
    client.send(get("/", "Connection: close"))
    expect(String((await client.response()).body)).toBe("https 192.0.2.1 7")
    client.close()
    await running.stop()
  })

  it("is no socket that TLS could be wrapped around", () => {
    expect(() => wrapTls(MemoryListener.make().listener, {})).toThrow("listener")
    expect(() => wrapTls(listen(), {})).not.toThrow()
  })

  it.scoped("is a service, whose clients leave with their scope", () =>
    Effect.gen(function*() {
      const { connect } = yield* MemoryListener.MemoryListener
      const listener = yield* Listener
      let accepted: Transport | undefined
      yield* listener.bind({ accepted: (transport) => accepted = transport, lost: () => undefined }, {
        handshakeTimeout: 1000,
        handshakes: 10
      })
      const client = yield* Effect.scoped(Effect.tap(connect(), () => Effect.promise(() => turns(5))))
      yield* Effect.promise(() => client.whenClosed())
      expect(accepted).toBeDefined()
    }).pipe(Effect.provide(MemoryListener.layer())))
})
