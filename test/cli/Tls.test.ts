/**
 * Invalid files for TLS are refused. The family: each of the three files missing, empty, of another kind, encrypted, of another
 * pair.
 */
import { generateKeyPairSync } from "node:crypto"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, beforeAll, expect, it } from "vitest"
import { readTls } from "../../src/cli/pem.js"
import { PlanError } from "../../src/cli/Plan.js"
import { makeAnotherCertificate, makeCertificate } from "../utils/certificate.js"
import { write } from "./command.js"

let folder: string
const [one, other] = await Promise.all([makeCertificate("localhost"), makeAnotherCertificate("localhost")])
const encrypted = generateKeyPairSync("ec", {
  namedCurve: "P-256",
  publicKeyEncoding: { type: "spki", format: "pem" },
  privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "secret" }
}).privateKey

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-tls-"))
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
