/**
 * TLS over many workers: sessions are resumed by any of them and by their successors, new certificates come with a reload, and
 * files that are none are refused, at the start as at a reload. The family: each of the three files missing, empty, of another
 * kind, encrypted, of another pair.
 */
import { generateKeyPairSync } from "node:crypto"
import * as fs from "node:fs"
import * as path from "node:path"
import * as Tls from "node:tls"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { readTls } from "../../src/cli/pem.js"
import { PlanError } from "../../src/cli/Plan.js"
import { makeAnotherCertificate, makeCertificate } from "../utils/certificate.js"
import { run } from "../utils/processes.js"
import { folderWithCommand, tsgi, write } from "./command.js"

let folder: string
const [one, other] = await Promise.all([makeCertificate("localhost"), makeAnotherCertificate("localhost")])
const encrypted = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }
}).privateKey

beforeAll(async () => {
  folder = await folderWithCommand("tls")
  write(folder, "one.pem", one.cert)
  write(folder, "one.key", one.key)
  write(folder, "other.key", other.key)
  write(folder, "encrypted.key", encrypted)
  write(folder, "empty.pem", "")
  write(folder, "text.pem", "no certificate")
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

it.each<readonly [files: Readonly<Record<"cert" | "key", string>> & { readonly ca?: string }, message: RegExp]>([
  [{ cert: "nix.pem", key: "one.key" }, /^--tls-cert .*nix\.pem: there is no such file$/],
  [{ cert: "one.pem", key: "nix.key" }, /^--tls-key .*nix\.key: there is no such file$/],
  [{ cert: ".", key: "one.key" }, /^--tls-cert .*: is a folder; give a file$/],
  [{ cert: "empty.pem", key: "one.key" }, /^--tls-cert .*empty\.pem: no certificate in it/],
  [{ cert: "text.pem", key: "one.key" }, /^--tls-cert .*text\.pem: no certificate in it/],
  [{ cert: "one.key", key: "one.key" }, /^--tls-cert .*one\.key: no certificate in it/],
  [{ cert: "one.pem", key: "one.pem" }, /^--tls-key .*one\.pem: no private key in it/],
  [{ cert: "one.pem", key: "encrypted.key" }, /^--tls-key .*encrypted\.key: is encrypted; openssl pkey/],
  [{ cert: "one.pem", key: "other.key" }, /^--tls-key .*other\.key: is not the key of the certificate in .*one\.pem$/],
  [{ cert: "one.pem", key: "one.key", ca: "text.pem" }, /^--tls-ca .*text\.pem: no certificate in it/]
])("%j is refused", ({ ca, cert, key }, message) => {
  const at = (name: string): string => path.join(folder, name)
  const files = { cert: at(cert), key: at(key), ca: ca === undefined ? undefined : at(ca), client: "none" } as const
  expect(() => readTls(files)).toThrow(PlanError)
  expect(() => readTls(files)).toThrow(message)
})

interface Visit {
  readonly reused: boolean
  readonly session: Buffer | undefined
  readonly fingerprint: string
  readonly pid: string
}

const get = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

/** One request on a connection of its own, with a session that was given before. */
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
      socket.write(get)
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
    const [, digits] = await program.line(/listening on https:\/\/127\.0\.0\.1:(\d+)/)
    await program.line(/info {2}ready in \d+ ms/)
    const port = Number(digits)
    const { fingerprint, reused, session } = await visit(port)
    expect(reused).toBe(false)
    const visits = await Promise.all(Array.from({ length: 39 }, () => visit(port, session)))
    expect(visits.filter(({ reused }) => reused)).toHaveLength(39)
    expect(new Set(visits.map(({ pid }) => pid)).size).toBe(2)

    // of who has connected before, with a request that is not over
    const running = Tls.connect({ host: "127.0.0.1", port, rejectUnauthorized: false })
    const answer = new Promise<string>((resolve, reject) => {
      let text = ""
      running.on("data", (bytes: Buffer) => (text += bytes.toString()))
      running.once("end", () => resolve(text))
      running.once("error", reject)
    })
    running.write(get.replace("/", "/slow"))
    write(folder, "cert.pem", other.cert)
    write(folder, "key.pem", other.key)
    program.kill("SIGHUP")
    await program.line(/reloaded in .*, generation 2/)
    expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/)

    const old = visits.map(({ pid }) => pid)
    // no old one accepts any more
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
