/** Sockets of the system: handshakes that do not end, modes of files, inherited descriptors. */
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { listen, server, wrapTls } from "tsgi"
import { afterAll, describe, expect, it, vi } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { get, head } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"
import { startChildren } from "../wsgi/heirs.js"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

describe("handshakes that do not end", async () => {
  const certificate = await makeCertificate("localhost")

  it.each([
    ["TCP", undefined],
    ["a unix socket", path.join(folder, "tls.sock")]
  ])("give way to newcomers: %s", (_, socket) => {
    const listener = wrapTls(listen(socket === undefined ? {} : { path: socket }), certificate)
    return withServer(
      hello,
      { listener, limits: { handshakes: 3 } },
      async ({ address, connect: open, connectTls, log, running }) => {
        const established = await connectTls()
        const silent: Array<Awaited<ReturnType<typeof connect>>> = []
        for (let i = 0; i < 3; i++) silent.push(await connect(address))
        const client = await connectTls()
        client.send(get("/"))
        expect((await client.response()).status).toBe(200)
        // the oldest connection was closed, and the log says why
        await silent[0].whenEnded()
        expect(silent.map(({ ended }) => ended)).toEqual([true, false, false])
        const lost = log.lines.filter((line) => line.includes(" lost "))
        expect(lost).toHaveLength(1)
        expect(lost[0]).toMatch(/Handshake: closed for a newer connection: limits\.handshakes is 3$/)
        // a connection with a finished handshake no longer counts
        for (let i = 0; i < 4; i++) await open()
        await vi.waitFor(() => expect(log.lines.filter((line) => line.includes(" lost "))).toHaveLength(4))
        for (const each of [established, client]) {
          each.send(get("/"))
          expect((await each.response()).status).toBe(200)
        }
        await running.stop({ grace: 0 })
        expect(log.text).not.toContain("EINVAL")
      }
    )
  })
})

describe("the file of a unix socket", () => {
  it("never has another mode than the one asked for", async () => {
    const socket = path.join(folder, "mode.sock")
    const modes: Array<number> = []
    const bind = Net.Server.prototype.listen
    const spy = vi.spyOn(Net.Server.prototype, "listen").mockImplementation(
      function(this: Net.Server, ...options: Array<unknown>) {
        Reflect.apply(bind, this, options)
        const [{ path: bound }] = options as [{ readonly path: string }]
        modes.push(fs.statSync(bound).mode & 0o777)
        return this
      }
    )
    const umask = process.umask()
    try {
      await withServer(hello, { listener: listen({ path: socket, mode: 0o600 }) }, async ({ ask }) => {
        expect(process.umask()).toBe(umask)
        expect(fs.statSync(socket).mode & 0o777).toBe(0o600)
        expect((await ask(get("/"))).status).toBe(200)
      })
    } finally {
      spy.mockRestore()
    }
    expect(modes).toEqual([0o600])
  })

  it("is removed at a stop, and with it nothing that bears another name", async () => {
    const socket = path.join(folder, "own.sock")
    const before = fs.readdirSync(folder)
    await withServer(hello, { listener: listen({ path: socket }) }, async ({ ask }) => {
      expect((await ask(get("/"))).status).toBe(200)
      expect(fs.readdirSync(folder).filter((name) => !before.includes(name))).toEqual(["own.sock"])
    })
    expect(fs.readdirSync(folder)).toEqual(before)
  })

  it("stays where a successor has taken the path", async () => {
    const socket = path.join(folder, "successor.sock")
    await withServer(hello, { listener: listen({ path: socket }) }, async ({ running }) => {
      fs.unlinkSync(socket)
      await withServer(hello, { listener: listen({ path: socket }) }, async ({ ask }) => {
        await running.stop()
        expect((await ask(get("/"))).status).toBe(200)
      })
      expect(fs.existsSync(socket)).toBe(false)
    })
  })

  it("stays where another file has taken its name", async () => {
    const socket = path.join(folder, "other.sock")
    await withServer(hello, { listener: listen({ path: socket }) }, async ({ running }) => {
      fs.renameSync(socket, `${socket}.moved`)
      fs.writeFileSync(socket, "precious")
      await running.stop()
    })
    expect(fs.readFileSync(socket, "utf8")).toBe("precious")
  })

  it("may have the longest path there is", async () => {
    const longest = process.platform === "linux" ? 107 : 103
    const socket = path.join(folder, "x".repeat(longest - Buffer.byteLength(folder) - 1))
    await withServer(hello, { listener: listen({ path: socket }) }, async ({ ask }) => {
      expect((await ask(get("/"))).status).toBe(200)
    })
    expect(fs.existsSync(socket)).toBe(false)
  })

  it("is told of by its own name where it cannot be made", async () => {
    const running = server(listen({ path: "/proc/cannot.sock" }), hello, { logOutput: false })
    await expect(running.ready).rejects.toThrow(/\/proc\/cannot\.sock/)
    await expect(running.ready).rejects.not.toThrow(/\.cannot\.sock/)
  })

  it("may be opened wider than the umask has it", async () => {
    const socket = path.join(folder, "wide.sock")
    await withServer(hello, { listener: listen({ path: socket, mode: 0o666 }) }, () => {
      expect(fs.statSync(socket).mode & 0o777).toBe(0o666)
      return Promise.resolve()
    })
  })
})

it("an inherited unix socket is one, and says its path", async () => {
  const { address, children: [child] } = await startChildren(1, path.join(folder, "inherited.sock"))
  expect(await child.serve()).toEqual({
    _tag: "Unix",
    path: process.platform === "linux" ? path.join(folder, "inherited.sock.holder") : ""
  })
  const client = await connect(address)
  client.send(head("GET /where HTTP/1.1", "Host: localhost"))
  expect((await client.response()).body.toString()).toBe("unix  unix ")
  client.close()
  await child.stop()
})
