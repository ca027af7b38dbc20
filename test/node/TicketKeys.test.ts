/**
 * Keys of session tickets: servers that share them resume each other's sessions, in one process and in several, at both doors,
 * even after their certificates or keys were changed.
 */
import { HttpServerResponse } from "@effect/platform"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { once } from "node:events"
import * as Tls from "node:tls"
import { type Address, listen, OptionError, wrapTls } from "tsgi"
import { NodeListener, TsgiHttpServer } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import { kinds, nothingSeen, open as openEffect } from "../platform/scene.js"
import { makeAnotherCertificate, makeCertificate } from "../utils/certificate.js"
import { program } from "../utils/made.js"
import { get } from "../utils/requests.js"
import { hello, open } from "../utils/serving.js"

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

/** Serves until it is disposed. */
const serve = async (options: Tls.TlsOptions) => {
  const listener = wrapTls(listen(), { ...certificate, ...options })
  return { ...await open(hello, { listener }), listener }
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("%s: a session", (version) => {
  const options: Tls.ConnectionOptions = { minVersion: version, maxVersion: version }

  it("is resumed by another server with the same keys, and by none with others", async () => {
    const ticketKeys = randomBytes(48)
    await using one = await serve({ ticketKeys })
    await using same = await serve({ ticketKeys })
    await using stranger = await serve({})
    const { reused, session } = await visit(one.address, undefined, options)
    expect(reused).toBe(false)
    expect((await visit(same.address, session, options)).reused).toBe(true)
    expect((await visit(stranger.address, session, options)).reused).toBe(false)
  })

  it("is resumed for as long as the keys are the same, while servers run", async () => {
    await using one = await serve({})
    await using same = await serve({})
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
    await using one = await serve({ ticketKeys })
    await using same = await serve({})
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
  await using served = await serve({})
  const { address, listener } = served
  const client = await served.connectTls()
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
  await using later = await open(hello, { listener })
  await using other = await serve({ ticketKeys: keys })
  const { session } = await visit(later.address)
  expect((await visit(other.address, session)).reused).toBe(true)
})

it("processes with command lines of their own resume each other's sessions", async () => {
  const keys = randomBytes(48).toString("base64")
  const resumed = await program("node/resumed")
  const children = ["one", "two"].map((argument) =>
    spawn(process.execPath, [resumed, argument], { stdio: ["ignore", "inherit", "inherit", "ipc"] })
  )
  const ended = children.map((child) => once(child, "exit"))
  try {
    const addresses = await Promise.all(children.map(async (child) => {
      child.send({ keys, ...certificate })
      const [address] = await once(child, "message") as [Address]
      return address
    }))
    const { session } = await visit(addresses[0])
    expect((await visit(addresses[1], session)).reused).toBe(true)
  } finally {
    for (const child of children) child.disconnect()
    await Promise.all(ended)
  }
})

it("the Effect door shares keys by its TlsSettings", async () => {
  const ticketKeys = randomBytes(48)
  const tls = new NodeListener.TlsSettings(certificate)
  const app = kinds.HttpApp(Effect.succeed(HttpServerResponse.text("hello")))
  await using served = await openEffect(app, nothingSeen(), { tls })
  tls.setTicketKeys(ticketKeys)
  await using one = await serve({ ticketKeys })
  const { session } = await visit(one.address)
  expect((await visit(served.address, session)).reused).toBe(true)
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
