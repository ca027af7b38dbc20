/**
 * Bodies of any length in constant memory: the client waits when the application is slow, and the other way round.
 *
 *   npx tsx examples/streaming.ts
 *   curl "http://127.0.0.1:8090/download?bytes=1073741824" | wc -c
 *       1073741824
 *   head -c 1073741824 /dev/zero | curl -T - http://127.0.0.1:8090/checksum
 *       1073741824 bytes, sha256 49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14
 *   head -c 1073741824 /dev/zero | tr '\0' a | curl -T - http://127.0.0.1:8090/uppercase | tail -c 3
 *       AAA
 *
 * After each the server prints the memory it holds (resident set size), which does not grow with what went through it.
 */
import { createHash } from "node:crypto"
import { type App, type Environ, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const megabytes = (): string => (process.memoryUsage.rss() / 1_048_576).toFixed(0)

// An iterable is asked for its next part when there is room for it.
const download: App = (env, startResponse) => {
  const total = Number(new URLSearchParams(env.QUERY_STRING).get("bytes") ?? 1_048_576)
  startResponse("200 OK", [["Content-Type", "application/octet-stream"]])
  return generated(total)
}

const generated = function*(total: number) {
  const part = Buffer.alloc(65_536, "x")
  for (let left = total; left > 0; left -= part.length) yield left < part.length ? part.subarray(0, left) : part
}

// Bytes that are not read yet stay with the client.
const checksum: App = async (env, startResponse) => {
  const hash = createHash("sha256")
  let bytes = 0
  for await (const piece of env["wsgi.input"]) {
    hash.update(piece)
    bytes += piece.length
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return `${bytes} bytes, sha256 ${hash.digest("hex")}\n`
}

// Both at once: the answer begins while the body is still coming.
const uppercase: App = (env, startResponse) => {
  startResponse("200 OK", [["Content-Type", "application/octet-stream"]])
  return uppercased(env["wsgi.input"])
}

const uppercased = async function*(pieces: AsyncIterable<Buffer>) {
  for await (const piece of pieces) {
    // the piece belongs to the application, which may change it
    piece.forEach((byte, i) => {
      if (byte >= 0x61 && byte <= 0x7a) piece[i] = byte - 0x20
    })
    yield piece
  }
}

const tellMemory = (env: Environ): void =>
  console.log(`${env.PATH_INFO} ${env["tsgi.outcome"]?._tag}, rss ${megabytes()} MiB`)

const apps: Record<string, App> = { "/download": download, "/checksum": checksum, "/uppercase": uppercase }

const app: App = (env, startResponse) => {
  env["eventlet.posthooks"].push([tellMemory])
  const asked = apps[env.PATH_INFO]
  if (asked !== undefined) return asked(env, startResponse)
  startResponse("404 Not Found", [["Content-Type", "text/plain"]])
  return "try /download, /checksum or /uppercase\n"
}

export default app

if (isMain(import.meta.url)) {
  console.log(`rss ${megabytes()} MiB`)
  run(server(listen(port), app))
}
