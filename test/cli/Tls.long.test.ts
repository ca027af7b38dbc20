/**
 * TLS over many workers: any of them and their successors resume a session, and a reload brings new certificates and refuses
 * broken files.
 */
import * as fs from "node:fs"
import * as net from "node:net"
import * as path from "node:path"
import * as Tls from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { makeAnotherCertificate, makeCertificate } from "../utils/certificate.js"
import { run } from "../utils/processes.js"
import { get } from "../utils/requests.js"
import { portOf } from "./asking.js"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
const [one, other] = await Promise.all([makeCertificate("localhost"), makeAnotherCertificate("localhost")])

beforeAll(async () => {
  folder = await folderWithCommand("tls")
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

interface Visit {
  readonly reused: boolean
  readonly session: Buffer | undefined
  readonly fingerprint: string
  readonly pid: string
}

/** Sends one request on a connection of its own, with an earlier session. */
const visit = (port: number, session?: Buffer): Promise<Visit> =>
  new Promise((resolve, reject) => {
    const socket = Tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...(session && { session }) })
    let given: Buffer | undefined
    let reused = false
    let fingerprint = ""
    let text = ""
    socket.on("session", (session: Buffer) => (given = session))
    socket.once("secureConnect", () => {
      reused = socket.isSessionReused()
      fingerprint = socket.getPeerX509Certificate()?.fingerprint ?? ""
      socket.write(get("/", "Connection: close"))
    })
    socket.on("data", (bytes: Buffer) => (text += bytes.toString()))
    socket.once("end", () => resolve({ reused, session: given, fingerprint, pid: text.split("\r\n\r\n")[1] ?? "" }))
    socket.once("error", reject)
  })

describe("two workers", { timeout: 60_000 }, () => {
  it("resume each other's sessions, also after a reload, which brings new certificates and refuses broken ones", async () => {
    const app = (body: string): string =>
      `export default async (env, startResponse) => { startResponse("200 OK", []); ${body}; return String(process.pid) }`
    write(
      folder,
      "app.mjs",
      app(`if (env.PATH_INFO === "/slow") await new Promise((resolve) => setTimeout(resolve, 1500))`)
    )
    write(folder, "cert.pem", one.cert)
    write(folder, "key.pem", one.key)
    const control = path.join(folder, "run/tls.sock")
    await using program = tsgi(
      folder,
      ..."serve app.mjs -w 2 -p 0 --access-log none --settle 100ms --tls-cert cert.pem --tls-key key.pem".split(" "),
      "--control",
      control
    )
    const port = await portOf(program)
    const { fingerprint, reused, session } = await visit(port)
    expect(reused).toBe(false)
    const visits = await Promise.all(Array.from({ length: 39 }, () => visit(port, session)))
    expect(visits.filter(({ reused }) => reused)).toHaveLength(39)
    expect(new Set(visits.map(({ pid }) => pid)).size).toBe(2)

    // this client has connected before, and its request is not over
    const running = Tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false })
    const answer = new Promise<string>((resolve, reject) => {
      let text = ""
      running.on("data", (bytes: Buffer) => (text += bytes.toString()))
      running.once("end", () => resolve(text))
      running.once("error", reject)
    })
    running.write(get("/slow", "Connection: close"))
    write(folder, "cert.pem", other.cert)
    write(folder, "key.pem", other.key)
    program.kill("SIGHUP")
    await program.line(/reloaded in .*, generation 2/)
    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)

    const old = visits.map(({ pid }) => pid)
    // the old workers no longer accept
    const fresh = await visit(port)
    expect(old).not.toContain(fresh.pid)
    expect(fresh.fingerprint).not.toBe(fingerprint)
    const later = await visit(port, session)
    expect(later.reused).toBe(true)

    write(folder, "key.pem", one.key)
    const reload = await run(process.execPath, [path.join(folder, "dist/cli.js"), "reload", "--control", control], {
      cwd: folder
    })
    expect(reload).toMatchObject({
      code: 8,
      stderr: [expect.stringMatching(/^tsgi: reload refused: --tls-key .*: is not/)]
    })
    expect((await visit(port)).fingerprint).toBe(fresh.fingerprint)
  })
})

it("one address has TLS for the world, another is plain for a proxy on this machine", { timeout: 60_000 }, async () => {
  write(
    folder,
    "both.mjs",
    `export default (env, startResponse) => {
  startResponse("200 OK", [])
  return env["wsgi.url_scheme"]
}`
  )
  write(folder, "cert.pem", one.cert)
  write(folder, "key.pem", one.key)
  const [plain, secured] = ["plain", "secured"].map((name) => path.join(folder, `${name}.sock`))
  await using program = tsgi(
    folder,
    ..."serve both.mjs --access-log none --settle 0s --tls-cert cert.pem --tls-key key.pem".split(" "),
    ...["https://127.0.0.1:0", `unix:${plain}`, `https+unix:${secured}`].flatMap((url) => ["--listen", url])
  )
  const [, port] = await program.line(
    new RegExp(`listening on https://127\\.0\\.0\\.1:(\\d+), unix:${plain}, https\\+unix:${secured}, 1 worker`)
  )
  await program.line(/ ready in \d+ ms$/)
  const bodyOn = (socket: net.Socket): Promise<string> => {
    socket.write("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    return new Promise((resolve, reject) => {
      let text = ""
      socket.on("data", (bytes: Buffer) => (text += bytes.toString()))
      socket.once("end", () => resolve(text.split("\r\n\r\n")[1] ?? ""))
      socket.once("error", reject)
    })
  }
  expect(await bodyOn(net.connect(plain))).toBe("http")
  expect(await bodyOn(Tls.connect({ path: secured, rejectUnauthorized: false }))).toBe("https")
  expect(await bodyOn(Tls.connect({ host: "127.0.0.1", port: Number(port), rejectUnauthorized: false }))).toBe("https")
})
