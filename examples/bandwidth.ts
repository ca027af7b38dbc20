/**
 * The bandwidth really used, for accounting: what the kernel took, not what Content-Length promised.
 *
 *   npx tsx examples/bandwidth.ts
 *   curl -o /dev/null http://127.0.0.1:8090/file                100 MiB; the server prints
 *                                                                 127.0.0.1 /file 104857600 of 104857600 bytes, Sent
 *   curl http://127.0.0.1:8090/file | head -c 50000000 | wc -c  half of it, then the client leaves:
 *                                                                 127.0.0.1 /file 5....... of 104857600 bytes, Aborted
 *
 * Some of what the kernel took was still on its way when the client left, so it is more than the client read.
 */
import { type App, type Environ, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const total = 104_857_600
const piece = Buffer.alloc(65_536, "x")

const file = function*() {
  for (let sent = 0; sent < total; sent += piece.length) yield piece
}

const account = (env: Environ, length: number): void => {
  const outcome = env["tsgi.outcome"]
  if (outcome === undefined) return
  console.log(`${env.REMOTE_ADDR} ${env.PATH_INFO} ${outcome.bodyBytes} of ${length} bytes, ${outcome._tag}`)
}

const app: App = (env, startResponse) => {
  env["eventlet.posthooks"].push([account, [total]])
  startResponse("200 OK", [["Content-Type", "application/octet-stream"], ["Content-Length", String(total)]])
  return file()
}

export default app

if (isMain(import.meta.url)) run(server(listen(port), app))
