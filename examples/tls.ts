/**
 * TLS, with a certificate that can be changed while it serves, names that have their own, and client certificates.
 *
 *   npm install selfsigned                 in a project of your own
 *   npx tsx examples/tls.ts
 *   curl -k https://127.0.0.1:8443/        https, TLSv1.3, asked for no name, no client certificate
 *   curl -k https://localhost:8443/        https, TLSv1.3, asked for localhost, no client certificate
 *   kill -HUP <the pid that it prints>     the next connection is shown a new certificate
 *
 * Without settings the certificate is made on the fly, for 127.0.0.1 and localhost; `curl -k` takes it unchecked. From
 * files, read again at each SIGHUP, and with clients that may show a certificate of their own:
 *
 *   CERT=cert.pem KEY=key.pem CLIENT_CA=clients.pem npx tsx examples/tls.ts
 *   curl --cacert cert.pem --cert client.pem --key client-key.pem https://localhost:8443/
 *                                          https, TLSv1.3, asked for localhost, client certificate of CN=client
 */
import { X509Certificate } from "node:crypto"
import { readFileSync } from "node:fs"
import { createSecureContext, type SecureContext } from "node:tls"
import { generate } from "selfsigned"
import { listen, server, wrapTls } from "tsgi"
import { run } from "./serve.js"

const { CERT, CLIENT_CA, KEY, PORT = "8443" } = process.env

const certificate = async (name: string): Promise<{ cert: string | Buffer; key: string | Buffer }> => {
  if (CERT !== undefined && KEY !== undefined) return { cert: readFileSync(CERT), key: readFileSync(KEY) }
  const made = await generate([{ name: "commonName", value: name }], {
    keyType: "ec",
    extensions: [
      { name: "subjectAltName", altNames: [{ type: 2, value: name }, { type: 7, ip: "127.0.0.1" }] }
    ]
  })
  return { cert: made.cert, key: made.private }
}

// Server Name Indication: a certificate for each name. A name that is not here gets the listener's own.
const names = new Map<string, SecureContext>([
  ["other.example", createSecureContext(await certificate("other.example"))]
])

const listener = wrapTls(listen(Number(PORT)), {
  ...await certificate("localhost"),
  SNICallback: (name, done) => done(null, names.get(name)),
  minVersion: "TLSv1.2",
  // Clients may show a certificate. Without `rejectUnauthorized: false` they must, or the handshake fails.
  ...(CLIENT_CA === undefined ? {} : { requestCert: true, rejectUnauthorized: false, ca: readFileSync(CLIENT_CA) })
})

process.on("SIGHUP", () => {
  certificate("localhost").then(
    (renewed) => {
      listener.reload(renewed)
      console.log("certificate reloaded")
    },
    // the old one stays in use
    (error: unknown) => console.error(`certificate not reloaded: ${String(error)}`)
  )
})

const running = server(listener, (env, startResponse) => {
  const tls = env["tsgi.tls"]
  const client = tls?.peerCertificate === undefined
    ? "no client certificate"
    : `${tls.authorized ? "client" : "unknown client's"} certificate of ${
      new X509Certificate(tls.peerCertificate).subject
    }`
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return `${env["wsgi.url_scheme"]}, ${tls?.protocol}, asked for ${tls?.serverName ?? "no name"}, ${client}\n`
})

console.log(`pid ${process.pid}`)
run(running, { scheme: "https" })
