/**
 * Sockets that are bound before anything listens: at any address, by either part of Node, handed to children or served in this
 * process, and the files of unix sockets.
 */
import { it as effectIt } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { type Address, bind, BindError, type BindOptions, type BoundSocket, listen, server } from "tsgi"
import { BoundSocket as Bound, NodeListener } from "tsgi/effect"
import { afterAll, afterEach, describe, expect, it } from "vitest"
import { bindHandle, internally } from "../../src/node/bindHandle.js"
import { program } from "../utils/made.js"
import { hasIpv6 } from "../utils/ports.js"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"
import { ask } from "../utils/sockets.js"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-bound-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const bound: Array<BoundSocket> = []
const bindHere = async (options: BindOptions): Promise<BoundSocket> => {
  const socket = await bind(options)
  bound.push(socket)
  return socket
}
afterEach(() => {
  for (const socket of bound.splice(0)) socket.close()
})

const knock = (address: Address): Promise<string> =>
  new Promise((resolve) => {
    const socket = Net.connect(
      address._tag === "Unix" ? { path: address.path } : { host: address.host, port: address.port }
    )
    socket.once("connect", () => {
      socket.destroy()
      resolve("connected")
    })
    socket.once("error", (error) => resolve("code" in error ? String(error.code) : error.message))
  })

describe("an address before anybody listens", () => {
  it.each<[string, BindOptions, string]>([
    ["a free port", {}, "127.0.0.1"],
    ["IPv6", { host: "::1" }, "::1"],
    ["a name", { host: "localhost", port: 0 }, "127.0.0.1|::1"],
    ["all IPv4 addresses", { host: "0.0.0.0" }, "0.0.0.0"],
    ["all addresses", { host: "*" }, hasIpv6 ? "::" : "0.0.0.0"]
  ])("%s", async (_, options, host) => {
    const { address, backlog, fd } = await bindHere(options)
    if (address._tag === "Unix") throw new Error("not TCP")
    expect(host.split("|")).toContain(address.host)
    expect(address.port).toBeGreaterThan(0)
    expect(fd).toBeGreaterThan(2)
    expect(backlog).toBe(511)
    expect(await knock({ ...address, host: address.host === "::1" ? "::1" : "127.0.0.1" })).toBe("ECONNREFUSED")
  })

  it("only IPv6, where that is asked for", async () => {
    const { address } = await bindHere({ host: "::", ipv6Only: true })
    if (address._tag === "Unix") throw new Error("not TCP")
    const other = await bindHere({ host: "0.0.0.0", port: address.port })
    expect(other.address).toEqual({ _tag: "Tcp", host: "0.0.0.0", port: address.port })
  })

  it("a unix socket, with its mode and no other file beside it", async () => {
    const socket = path.join(folder, "mode.sock")
    const { address } = await bindHere({ path: socket, mode: 0o600 })
    expect(address).toEqual({ _tag: "Unix", path: socket })
    expect(fs.statSync(socket).mode & 0o777).toBe(0o600)
    expect(fs.readdirSync(folder)).toEqual(["mode.sock"])
    expect(await knock(address)).toBe("ECONNREFUSED")
  })
})

describe("what cannot be bound is a BindError that names the cause, and the address where one was tried", () => {
  it.each<[string, BindOptions, BindError["reason"], RegExp]>([
    [
      "an option that there is not",
      { fd: 3 } as BindOptions,
      "InvalidOptions",
      /fd: is an option of listen, as in listen/
    ],
    [
      "a name that there is not",
      { prot: 3 } as BindOptions,
      "InvalidOptions",
      /prot: bind has no such option; did you mean port\?/
    ],
    // for invalid options the error has no address, and text is quoted
    [
      "a port that is none",
      { port: 70_000 },
      "InvalidOptions",
      /^cannot listen: port: must be a whole number from 0 to 65535; it is 70000$/
    ],
    [
      "a port that is text",
      { port: "abc" },
      "InvalidOptions",
      /^cannot listen: port: must be a whole number from 0 to 65535; it is "abc"$/
    ],
    [
      "a host that is a URL",
      { host: "http://x" },
      "InvalidOptions",
      /^cannot listen: host: must be an address .*"http:\/\/x"$/
    ],
    ["two addresses", { port: 1, path: "x" }, "InvalidOptions", /^cannot listen: give only one of/],
    ["an address of another machine", { host: "192.0.2.1" }, "AddressNotAvailable", /192\.0\.2\.1/],
    ["a name that nobody has", { host: "nobody.invalid" }, "AddressNotAvailable", /nobody\.invalid/],
    ["a folder that there is not", { path: path.join(folder, "no/x.sock") }, "AddressNotAvailable", /no such folder/],
    ["a path that is too long", { path: path.join(folder, "x".repeat(120)) }, "InvalidOptions", /too long/]
  ])("%s", async (_, options, reason, message) => {
    const error: unknown = await bind(options).then(() => undefined, (error: unknown) => error)
    expect(error).toBeInstanceOf(BindError)
    expect(error).toMatchObject({ reason, message: expect.stringMatching(message) as string })
  })

  it("a port that is in use", () =>
    withServer(hello, {}, async ({ address }) => {
      if (address._tag === "Unix") throw new Error("not TCP")
      await expect(bind({ port: address.port })).rejects.toMatchObject({
        reason: "AddressInUse",
        message: expect.stringContaining(`http://127.0.0.1:${address.port}`) as string
      })
    }))
})

describe("the file of a bound unix socket", () => {
  it("replaces that of a dead server", async () => {
    const socket = path.join(folder, "dead.sock")
    const holder = Net.createServer().listen(`${socket}.holder`)
    await once(holder, "listening")
    fs.renameSync(`${socket}.holder`, socket)
    await new Promise((resolve) => holder.close(resolve))
    const before = fs.statSync(socket).ino
    await bindHere({ path: socket })
    expect(fs.statSync(socket).ino).not.toBe(before)
  })

  it.each<[string, (socket: string) => Promise<() => unknown>]>([
    ["listens", async (socket) => {
      const running = server(listen({ path: socket }), hello, { logOutput: false })
      await running.ready
      return () => running.stop()
    }],
    ["is bound and does not listen yet", async (socket) => (await bind({ path: socket })).close]
  ])("is refused where a living one %s", async (_, occupy) => {
    const socket = path.join(folder, "living.sock")
    const leave = await occupy(socket)
    const before = fs.statSync(socket).ino
    await expect(bind({ path: socket })).rejects.toMatchObject({ reason: "AddressInUse" })
    await expect(server(listen({ path: socket }), hello, { logOutput: false }).ready).rejects.toMatchObject({
      reason: "AddressInUse"
    })
    expect(fs.statSync(socket).ino).toBe(before)
    await leave()
    expect(fs.existsSync(socket)).toBe(false)
  })

  it("is removed by its owner, once, and by no other process", async () => {
    const socket = path.join(folder, "own.sock")
    const first = await bindHere({ path: socket })
    fs.unlinkSync(socket)
    const second = await bindHere({ path: socket })
    first.close()
    expect(fs.existsSync(socket)).toBe(true)
    second.close()
    second.close()
    expect(fs.existsSync(socket)).toBe(false)
    fs.writeFileSync(socket, "precious")
    second.close()
    expect(fs.readFileSync(socket, "utf8")).toBe("precious")
    fs.unlinkSync(socket)
  })

  it("does not replace what is no socket", async () => {
    const file = path.join(folder, "file")
    fs.writeFileSync(file, "precious")
    await expect(bind({ path: file })).rejects.toMatchObject({ reason: "AddressInUse" })
    expect(fs.readFileSync(file, "utf8")).toBe("precious")
  })
})

describe("children that inherit it", async () => {
  const inheritor = await program("node/inheritor")
  const start = async (socket: BoundSocket): Promise<{ readonly child: ChildProcess; readonly address: Address }> => {
    const child = spawn(process.execPath, [inheritor], {
      stdio: ["ignore", "inherit", "inherit", socket.fd, "ipc"]
    })
    const [{ address }] = await once(child, "message") as [{ readonly address: Address }]
    return { child, address }
  }
  const end = async ({ child }: { readonly child: ChildProcess }, signal: NodeJS.Signals): Promise<void> => {
    const ended = once(child, "exit")
    child.kill(signal)
    await ended
  }

  it.each<[string, BindOptions]>([
    ["TCP", {}],
    ["a unix socket", { path: path.join(folder, "children.sock") }]
  ])("serve on it, several at a time, and clients wait while none lives: %s", async (_, options) => {
    const socket = await bindHere(options)
    const children = await Promise.all([start(socket), start(socket)])
    for (const { address } of children) expect(address).toEqual(socket.address)
    const pids = children.map(({ child }) => String(child.pid))
    for (let i = 0; i < 4; i++) expect(pids).toContain(await ask(socket.address))
    await end(children[0], "SIGKILL")
    for (let i = 0; i < 4; i++) expect(await ask(socket.address)).toBe(pids[1])
    await end(children[1], "SIGKILL")
    const waiting = ask(socket.address)
    const successor = await start(socket)
    expect(await waiting).toBe(String(successor.child.pid))
    await end(successor, "SIGTERM")
    // the file belongs to the code that has bound it
    if (options.path !== undefined) expect(fs.existsSync(options.path)).toBe(true)
    socket.close()
    if (options.path !== undefined) expect(fs.existsSync(options.path)).toBe(false)
    expect(await knock(socket.address)).toBe(options.path === undefined ? "ECONNREFUSED" : "ENOENT")
  })
})

describe("served in this process", () => {
  it.each<[string, BindOptions]>([
    ["TCP", {}],
    ["a unix socket", { path: path.join(folder, "here.sock") }]
  ])("%s: by the plain door", async (_, options) => {
    const socket = await bindHere(options)
    await withServer(hello, { listener: listen({ socket }) }, async ({ address, ask }) => {
      expect(address).toEqual(socket.address)
      expect((await ask(get("/"))).status).toBe(200)
      if (options.path !== undefined) expect(fs.existsSync(options.path)).toBe(true)
    })
    if (options.path !== undefined) expect(fs.existsSync(options.path)).toBe(false)
    expect(await knock(socket.address)).not.toBe("connected")
    await expect(server(listen({ socket }), hello, { logOutput: false }).ready).rejects.toMatchObject({
      reason: "InvalidOptions",
      message: expect.stringMatching(/the socket is closed; bind another/) as string
    })
  })

  it("once: its descriptor has one owner", async () => {
    const socket = await bindHere({})
    await withServer(hello, { listener: listen({ socket }) }, async ({ ask }) => {
      await expect(server(listen({ socket }), hello, { logOutput: false }).ready).rejects.toThrow(/served already/)
      socket.close()
      expect((await ask(get("/"))).status).toBe(200)
    })
  })

  it("is taken by the one that listens first, and the other one says so", async () => {
    const first = await bindHere({})
    if (first.address._tag === "Unix") throw new Error("not TCP")
    const second = await bindHere({ port: first.address.port })
    await withServer(hello, { listener: listen({ socket: first }) }, async ({ ask }) => {
      await expect(server(listen({ socket: second }), hello, { logOutput: false }).ready).rejects.toMatchObject({
        reason: "AddressInUse"
      })
      expect((await ask(get("/"))).status).toBe(200)
    })
  })

  it.each([["no socket", { socket: {} }], ["a number", { socket: 3 }]])("%s is an OptionError", (_, options) => {
    expect(() => listen(options as never)).toThrow(/socket: must be a socket that bind has returned/)
  })
})

describe("as a scoped resource", () => {
  effectIt.effect(
    "is bound in the scope, served by a layer of the listener, and closed with the scope",
    () =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        const socket = yield* Scope.extend(Bound.make({ path: path.join(folder, "scoped.sock") }), scope)
        expect(fs.existsSync(path.join(folder, "scoped.sock"))).toBe(true)
        expect(() => NodeListener.check({ socket })).not.toThrow()
        yield* Scope.close(scope, Exit.void)
        expect(fs.existsSync(path.join(folder, "scoped.sock"))).toBe(false)
        expect((yield* Effect.flip(Effect.scoped(Bound.make({ port: -1 })))).reason).toBe("InvalidOptions")
      })
  )
})

describe("the part of Node that binds", () => {
  it.each<[string, typeof bindHandle]>([
    ["the one of this version", bindHandle],
    ["net._createServerHandle, which every version has", internally]
  ])("%s", async (_, make) => {
    const tcp = make({ host: "127.0.0.1", port: 0, ipv6Only: false, reusePort: false })
    expect(tcp.address).toMatchObject({ _tag: "Tcp", host: "127.0.0.1" })
    expect(tcp.fd).toBeGreaterThan(2)
    tcp.close()
    const unix = make({ path: path.join(folder, "handle.sock") })
    expect(unix.address).toEqual({ _tag: "Unix", path: path.join(folder, "handle.sock") })
    expect(() => make({ path: path.join(folder, "handle.sock") })).toThrow(expect.objectContaining({
      code: "EADDRINUSE"
    }) as Error)
    unix.close()
    await withServer(hello, {}, ({ address }) => {
      if (address._tag === "Unix") throw new Error("not TCP")
      expect(() => make({ host: address.host, port: address.port, ipv6Only: false, reusePort: false })).toThrow(
        expect.objectContaining({ code: "EADDRINUSE" }) as Error
      )
      return Promise.resolve()
    })
  })
})
