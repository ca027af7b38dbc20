/**
 * The private parts of Node and sonic-boom that are read. A test that fails here names what is gone. Beside each stands the test
 * of its fallback.
 */
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { Duplex, Writable } from "node:stream"
import * as Tls from "node:tls"
import { SonicBoom } from "sonic-boom"
import { expect, it } from "vitest"
import {
  bufferedOf,
  carrierOf,
  descriptorOf,
  flowForNext,
  onHandleClosed,
  onWriteWaiting,
  queuedOf,
  serverHandleMaker,
  serverNameOf,
  writeTo
} from "../../src/node/internal.js"
import { makeCertificate } from "../utils/certificate.js"

/** Opens a connection within this process, and gives both ends. */
const connected = async (use: (accepted: Net.Socket, client: Net.Socket, server: Net.Server) => Promise<void>) => {
  const server = Net.createServer({ pauseOnConnect: true }).listen(0, "127.0.0.1")
  const accepting = new Promise<Net.Socket>((resolve) => server.once("connection", resolve))
  await new Promise((resolve) => server.once("listening", resolve))
  const address = server.address()
  const client = Net.connect(address !== null && typeof address === "object" ? address.port : 0, "127.0.0.1")
  client.on("error", () => undefined)
  const accepted = await accepting
  accepted.on("error", () => undefined)
  try {
    await use(accepted, client, server)
  } finally {
    client.destroy()
    accepted.destroy()
    server.close()
  }
}

const neither = (): Duplex => new Duplex({ read: () => undefined, write: () => undefined })

it("_handle.fd is a socket's descriptor; without it -1", () =>
  connected(async (accepted) => {
    expect(descriptorOf(accepted), "_handle.fd is gone").toBeGreaterThan(2)
    expect(fs.fstatSync(descriptorOf(accepted)).isSocket()).toBe(true)
    accepted.destroy()
    await new Promise((resolve) => accepted.once("close", resolve))
    expect([descriptorOf(accepted), descriptorOf(new Net.Socket())]).toEqual([-1, -1])
  }))

it("_handle.writeQueueSize and writableBuffer are what the kernel has not taken; without them writes count when they are over", () =>
  connected(async (accepted) => {
    expect([queuedOf(accepted), bufferedOf(accepted)], "_handle.writeQueueSize is gone").toEqual([0, 0])
    // the client reads nothing: more than both kernels hold
    const part = Buffer.alloc(16_777_216)
    accepted.write(part)
    accepted.write(part)
    const queued = queuedOf(accepted)
    expect(queued).toBeGreaterThan(0)
    expect(queued).toBeLessThan(part.length)
    expect(bufferedOf(accepted), "writableBuffer is gone").toBe(part.length)
    expect([queuedOf(neither()), bufferedOf({})]).toEqual([Infinity, 0])
  }))

it("_handle.close tells that somebody else closes what listens; without it nothing is told", () =>
  connected(async (_accepted, _client, server) => {
    let told = 0
    onHandleClosed(server, () => told++)
    server.close()
    expect(told, "_handle.close is gone: a worker that is disconnected does not stop its server").toBe(1)
    onHandleClosed(Net.createServer(), () => told++)
    expect(told).toBe(1)
  }))

it("_parent is the socket under a secured one, servername the name that its client has asked for; without them there is none", async () => {
  const server = Tls.createServer(await makeCertificate("localhost")).listen(0, "127.0.0.1")
  const carriers: Array<Net.Socket> = []
  server.on("connection", (socket: Net.Socket) => carriers.push(socket))
  const securing = new Promise<Tls.TLSSocket>((resolve) => server.once("secureConnection", resolve))
  await new Promise((resolve) => server.once("listening", resolve))
  const address = server.address()
  const port = address !== null && typeof address === "object" ? address.port : 0
  const client = Tls.connect({ port, host: "127.0.0.1", servername: "localhost", rejectUnauthorized: false })
    .on("error", () => undefined)
  const secured = await securing
  expect(carrierOf(secured), "_parent is gone: handshakes have no bound").toBe(carriers[0])
  expect(carrierOf(new Tls.TLSSocket(neither()))).not.toBe(carriers[0])
  expect(serverNameOf(secured), "servername is gone: handlers do not see which name the client has asked for")
    .toBe("localhost")
  expect(serverNameOf(new Tls.TLSSocket(neither()))).toBeUndefined()
  client.destroy()
  secured.destroy()
  server.close()
})

it("_write and _writev are what every write ends in; without them nothing is told", () =>
  connected(async (accepted) => {
    let waiting = 0
    onWriteWaiting(accepted, () => waiting++)
    accepted.write("taken at once")
    expect(waiting).toBe(0)
    // the client reads nothing: more than both kernels hold
    const part = Buffer.alloc(16_777_216)
    accepted.write(part)
    expect(waiting, "_write is gone: a connection that was taken over has no deadline for its writes").toBe(1)
    const others = new Writable({ write: (_chunk, _encoding, done) => done(), writev: (_chunks, done) => void done })
    onWriteWaiting(others, () => waiting++)
    others.cork()
    others.write("a")
    others.write("b")
    others.uncork()
    expect(waiting, "_writev is gone: writes that were held together are not told").toBe(2)
    const without = Object.assign(new Writable(), { _write: undefined, _writev: undefined })
    expect(() => onWriteWaiting(without, () => waiting++)).not.toThrow()
  }))

it("readableFlowing may be set: a socket that was paused flows for the next listener", () =>
  connected(async (accepted, client) => {
    accepted.pause()
    client.write("hello")
    flowForNext(accepted)
    const heard = new Promise<string>((resolve) => accepted.once("data", (bytes: Buffer) => resolve(bytes.toString())))
    expect(await heard).toBe("hello")
  }))

it("readableFlowing may go: the socket stays as it is, and its new owner resumes it", () =>
  connected(async (accepted, client) => {
    accepted.pause()
    flowForNext(new Proxy(accepted, { set: () => false }))
    expect(accepted.isPaused()).toBe(true)
    client.write("hello")
    const heard = new Promise<string>((resolve) => accepted.once("data", (bytes: Buffer) => resolve(bytes.toString())))
    accepted.resume()
    expect(await heard).toBe("hello")
  }))

it("fd of a sonic-boom may go: a log that was moved is written on", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  const descriptor = fs.openSync(path.join(folder, "log"), "a")
  const file = new SonicBoom({ fd: descriptor })
  await new Promise((resolve) => file.once("ready", resolve))
  Object.defineProperty(file, "fd", { get: () => descriptor })
  expect(writeTo(file, -1)).toBe(false)
  file.write("a")
  await new Promise((resolve) => file.flush(resolve))
  expect(fs.readFileSync(path.join(folder, "log"), "utf8")).toBe("a")
  file.destroy()
  fs.rmSync(folder, { recursive: true })
})

it("fd of a sonic-boom is where it writes from here on", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  const [one, other] = ["one", "other"].map((name) => fs.openSync(path.join(folder, name), "a"))
  const file = new SonicBoom({ fd: one })
  await new Promise((resolve) => file.once("ready", resolve))
  file.write("a")
  await new Promise((resolve) => file.flush(resolve))
  writeTo(file, other)
  file.write("b")
  await new Promise((resolve) => file.flush(resolve))
  const read = ["one", "other"].map((name) => fs.readFileSync(path.join(folder, name), "utf8"))
  expect(read, "fd is gone: a log that was moved is written on").toEqual(["a", "b"])
  file.destroy()
  fs.closeSync(one)
  fs.rmSync(folder, { recursive: true })
})

it("net._createServerHandle binds; where it is gone, or what it gives is a number, that is told", () => {
  const create = serverHandleMaker()
  if (create === undefined) {
    return expect.unreachable("net._createServerHandle is gone: before Node has BoundSocket nothing can be bound")
  }
  const made = create("127.0.0.1", 0, 4, undefined, 0)
  if (typeof made !== "object" || made === null) return expect.unreachable("it gives no handle")
  expect(made).toHaveProperty("fd")
  Reflect.apply(Reflect.get(made, "close") as () => void, made, [])
  expect(typeof create("192.0.2.1", 0, 4, undefined, 0)).toBe("number")
})
