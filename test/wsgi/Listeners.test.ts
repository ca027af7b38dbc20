/** Listeners: the rows about them that no name of eventlet's proves. */
import * as fs from "node:fs"
import * as Net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { type App, BindError, listen, type ListenOptions, OptionError, server, wrapTls } from "tsgi"
import { afterAll, beforeAll, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { get } from "../utils/requests.js"
import { hello, Log, withServer } from "../utils/serving.js"
import { connect as connectTo } from "../utils/sockets.js"

let folder = ""

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
})

afterAll(() => {
  fs.rmSync(folder, { recursive: true })
})

/** The error of a bind that fails. */
const failure = async (options: ListenOptions): Promise<unknown> => {
  const running = server(listen(options), hello, { log: new Log() })
  const error: unknown = await running.ready.then(() => undefined, (error: unknown) => error)
  await running.stop()
  return error
}

it("row 24: a client that does not finish its handshake is dropped, and holds up no other", async () => {
  const listener = wrapTls(listen(), await makeCertificate("localhost"))
  await withServer(hello, { listener, timeouts: { handshake: 500 } }, async ({ connect, connectTls, log }) => {
    const silent = await connect()
    const client = await connectTls()
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
    await silent.whenEnded()
    expect(await log.until(/^\(\d+\) lost \(.*\) Handshake: /)).toBeDefined()
  })
})

it("row 142: clients can be asked for certificates", async () => {
  const own = await makeCertificate("localhost")
  const known = await makeCertificate("known client")
  const app: App = (env, startResponse) => {
    startResponse("200 OK", [])
    return JSON.stringify([env["tsgi.tls"]?.authorized, env["tsgi.tls"]?.peerCertificate !== undefined])
  }
  const listener = wrapTls(listen(), { ...own, ca: [known.cert], requestCert: true, rejectUnauthorized: true })
  await withServer(app, { listener }, async ({ connectTls, log }) => {
    const client = await connectTls(known)
    client.send(get("/"))
    expect(JSON.parse((await client.response()).body.toString())).toEqual([true, true])
    const stranger = await connectTls()
    stranger.send(get("/"))
    expect(await stranger.all()).toHaveLength(0)
    expect(log.access).toHaveLength(1)
  })
})

it("row 144: a listener is a value, checked when it is made and bound when it is served", async () => {
  expect(() => listen(65_536)).toThrow(OptionError)
  const misspelt: object = { prot: 1 }
  expect(() => listen(misspelt)).toThrow(/^prot: /)
  const listener = listen({ host: "localhost", backlog: 5 })
  await withServer(hello, { listener }, async ({ ask }) => {
    expect((await ask(get("/"))).status).toBe(200)
  })
  expect(await failure({ host: "192.0.2.1" })).toMatchObject({ _tag: "BindError", reason: "AddressNotAvailable" })
})

it("row 145: a port can be taken again at once", async () => {
  let port = 0
  await withServer(hello, {}, async ({ address, connect, running }) => {
    port = address._tag === "Tcp" ? address.port : 0
    const client = await connect()
    client.send(get("/"))
    await client.response()
    // the server closes first, so its side of the connection lingers in the kernel
    await running.stop()
    await client.whenEnded()
  })
  const listener = listen(port)
  for (let i = 0; i < 2; i++) {
    await withServer(hello, { listener }, async ({ ask }) => {
      expect((await ask(get("/"))).status).toBe(200)
    })
  }
})

it("row 146: a port is not shared unless that is asked for, and never a free one", () =>
  withServer(hello, {}, async ({ address }) => {
    const port = address._tag === "Tcp" ? address.port : 0
    expect(await failure({ port })).toMatchObject({ reason: "AddressInUse" })
    expect(await failure({ reusePort: true })).toMatchObject({ reason: "InvalidOptions" })
  }))

it("row 147: a unix socket that is no longer served is replaced, one that is served is not", async () => {
  const socket = path.join(folder, "stale")
  // this is what a killed server leaves behind
  const dead = new Net.Server()
  await new Promise<void>((resolve) => dead.listen({ path: `${socket}.dead` }, resolve))
  fs.renameSync(`${socket}.dead`, socket)
  await new Promise((resolve) => dead.close(resolve))
  expect(fs.existsSync(socket)).toBe(true)

  await withServer(hello, { listener: listen({ path: socket, mode: 0o660 }) }, async ({ address, ask }) => {
    expect(address).toEqual({ _tag: "Unix", path: socket })
    expect(fs.statSync(socket).mode & 0o777).toBe(0o660)
    expect((await ask(get("/"))).status).toBe(200)
    const error = await failure({ path: socket })
    expect(error).toBeInstanceOf(BindError)
    expect(error).toMatchObject({ reason: "AddressInUse" })
    expect(String(error)).toContain(socket)
    expect((await ask(get("/"))).status).toBe(200)
  })
  expect(fs.existsSync(socket)).toBe(false)
})

it("row 147: what is no socket is not removed", async () => {
  const file = path.join(folder, "file")
  fs.writeFileSync(file, "precious")
  expect(await failure({ path: file })).toBeInstanceOf(BindError)
  expect(fs.readFileSync(file, "utf8")).toBe("precious")
})

it("row 147: a name that is no file can be listened on", async ({ skip }) => {
  if (process.platform !== "linux") skip("abstract names are Linux's")
  const name = `\0${path.join(folder, "abstract")}`
  await withServer(hello, { listener: listen({ path: name }) }, async ({ ask }) => {
    expect((await ask(get("/"))).status).toBe(200)
  })
  await expect(connectTo({ _tag: "Unix", path: name })).rejects.toMatchObject({ code: "ECONNREFUSED" })
})
