/**
 * Keys of session tickets: servers that share them resume each other's sessions, in one process and in several, at both doors,
 * even after their certificates or keys were changed.
 */
import { HttpServerResponse } from "@effect/platform"
import { it as effectIt } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import * as Tls from "node:tls"
import { type Address, listen, OptionError, server, type TlsListener, wrapTls } from "tsgi"
import { NodeListener, TsgiHttpServer } from "tsgi/effect"
import { afterEach, describe, expect, it } from "vitest"
import { makeAnotherCertificate, makeCertificate } from "../utils/certificate.js"
import { program } from "../utils/made.js"
import { get } from "../utils/requests.js"
import { hello } from "../utils/serving.js"
import { connectTls } from "../utils/sockets.js"

const certificate = await makeCertificate("localhost")
const other = await makeAnotherCertificate("localhost")

interface Visit {
  readonly reused: boolean
  readonly session: Buffer
  readonly fingerprint: string
}

/** Sends one request, with an earlier session, and returns the new session. */
const visit = (
  address: Address,
  session?: Buffer,
  options: Tls.ConnectionOptions = {}
): Promise<Visit> =>
  new Promise((resolve, reject) => {
    if (address._tag === "Unix") return reject(new Error("not TCP"))
    const socket = Tls.connect({
      host: address.host,
      port: address.port,
      rejectUnauthorized: false,
      ...(session === undefined ? {} : { session }),
      ...options
    })
    let given = session
    let fingerprint = ""
    let reused = false
    socket.on("session", (session: Buffer) => (given = session))
    socket.once("secureConnect", () => {
      reused = socket.isSessionReused()
      fingerprint = socket.getPeerX509Certificate()?.fingerprint ?? ""
      socket.write(get("/", "Connection: close"))
    })
    socket.resume()
    socket.once("end", () => {
      if (given === undefined) reject(new Error("no session"))
      else resolve({ reused, session: given, fingerprint })
    })
    socket.once("error", reject)
  })

const stops: Array<() => Promise<unknown>> = []
afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

const serve = async (
  options: Tls.TlsOptions
): Promise<{ readonly address: Address; readonly listener: TlsListener }> => {
  const listener = wrapTls(listen(), { ...certificate, ...options })
  const running = server(listener, hello, { logOutput: false })
  stops.push(() => running.stop({ grace: 0 }))
  return { address: await running.ready, listener }
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s: a session", (version) => {
  const options: Tls.ConnectionOptions = { minVersion: version, maxVersion: version }

  it("is resumed by another server with the same keys, and by none with others", async () => {
    const ticketKeys = randomBytes(48)
    const [one, same, stranger] = await Promise.all([serve({ ticketKeys }), serve({ ticketKeys }), serve({})])
    const { reused, session } = await visit(one.address, undefined, options)
    expect(reused).toBe(false)
    expect((await visit(same.address, session, options)).reused).toBe(true)
    expect((await visit(stranger.address, session, options)).reused).toBe(false)
  })

  it("is resumed for as long as the keys are the same, while servers run", async () => {
    const [one, same] = await Promise.all([serve({}), serve({})])
    const keys = [randomBytes(48), new Uint8Array(randomBytes(48))]
    for (const each of [one, same]) each.listener.setTicketKeys(keys[0])
    const first = await visit(one.address, undefined, options)
    expect((await visit(same.address, first.session, options)).reused).toBe(true)
    for (const each of [one, same]) each.listener.setTicketKeys(keys[1])
    const second = await visit(one.address, first.session, options)
    expect(second.reused).toBe(false)
    expect((await visit(same.address, second.session, options)).reused).toBe(true)
  })

  it("outlives new certificates where the keys are given", async () => {
    const ticketKeys = randomBytes(48)
    const [one, same] = await Promise.all([serve({ ticketKeys }), serve({})])
    same.listener.setTicketKeys(ticketKeys)
    const before = await visit(one.address, undefined, options)
    for (const each of [one, same]) each.listener.reload(other)
    expect((await visit(same.address, before.session, options)).reused).toBe(true)
    const after = await visit(same.address, undefined, options)
    expect(after.fingerprint).not.toBe(before.fingerprint)
    expect((await visit(one.address, after.session, options)).reused).toBe(true)
  })
})

it("open connections live while certificates and keys are changed", async () => {
  const { address, listener } = await serve({})
  await using client = await connectTls(address)
  const { fingerprint } = await visit(address)
  listener.reload(other)
  listener.setTicketKeys(randomBytes(48))
  expect((await visit(address)).fingerprint).not.toBe(fingerprint)
  client.send(get("/", "Connection: close"))
  expect((await client.response()).status).toBe(200)
})

it("a listener keeps its keys for the servers that come", async () => {
  const keys = randomBytes(48)
  const listener = wrapTls(listen(), certificate)
  listener.setTicketKeys(keys)
  const running = server(listener, hello, { logOutput: false })
  stops.push(() => running.stop({ grace: 0 }))
  const { address } = await serve({ ticketKeys: keys })
  const { session } = await visit(await running.ready)
  expect((await visit(address, session)).reused).toBe(true)
})

describe("processes", async () => {
  const resumed = await program("node/resumed")

  it("with command lines of their own resume each other's sessions", async () => {
    const keys = randomBytes(48).toString("base64")
    const addresses = await Promise.all(["one", "two"].map(async (argument) => {
      const child = spawn(process.execPath, [resumed, argument], {
        stdio: ["ignore", "inherit", "inherit", "ipc"]
      })
      stops.push(async () => {
        const ended = once(child, "exit")
        child.disconnect()
        await ended
      })
      child.send({ keys, ...certificate })
      const [address] = await once(child, "message") as [Address]
      return address
    }))
    const { session } = await visit(addresses[0])
    expect((await visit(addresses[1], session)).reused).toBe(true)
  })
})

describe("the Effect door", () => {
  effectIt.scopedLive("shares keys by its TlsSettings", () =>
    Effect.gen(function*() {
      const ticketKeys = randomBytes(48)
      const tls = new NodeListener.TlsSettings(certificate)
      const served = yield* TsgiHttpServer.make({ port: 0, host: "127.0.0.1", tls, timeouts: { grace: 0 } })
      yield* served.serve(HttpServerResponse.text("hello"))
      tls.setTicketKeys(ticketKeys)
      const { address } = served
      if (address._tag !== "TcpAddress") throw new Error("not TCP")
      const one = yield* Effect.promise(() => serve({ ticketKeys }))
      const { session } = yield* Effect.promise(() => visit(one.address))
      const { reused } = yield* Effect.promise(() =>
        visit({ _tag: "Tcp", host: "127.0.0.1", port: address.port }, session)
      )
      expect(reused).toBe(true)
    }))
})

describe("what cannot be keys is an OptionError", () => {
  it.each<[string, unknown, RegExp]>([
    ["too few bytes", randomBytes(47), /^ticketKeys: must be 48 bytes, .*; there are 47$/],
    ["too many bytes", randomBytes(49), /there are 49$/],
    ["text", "x".repeat(48), /it is text$/],
    ["null", null, /it is null$/]
  ])("%s", async (_, ticketKeys, message) => {
    const listener = wrapTls(listen(), certificate)
    const settings = new NodeListener.TlsSettings(certificate)
    const given = { ...certificate, ticketKeys } as Tls.TlsOptions
    for (
      const give of [
        () => wrapTls(listen(), given),
        () => listener.setTicketKeys(ticketKeys as Uint8Array),
        () => listener.reload(given),
        () => settings.setTicketKeys(ticketKeys as Uint8Array)
      ]
    ) {
      expect(give).toThrow(message)
      expect(give).toThrow(OptionError)
    }
    const error = await Effect.runPromise(Effect.flip(Effect.scoped(TsgiHttpServer.make({ tls: given }))))
    expect(error.message).toMatch(/ticketKeys: must be 48 bytes/)
  })
})
