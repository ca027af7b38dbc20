/** node:https, with the same answers as node:http. */
import { readFileSync } from "node:fs"
import * as https from "node:https"
import { listening } from "./listening.js"
import { answer } from "./nodeHttp.js"
import { fileFrom, idleSeconds, type Serve } from "./work.js"

export const serve: Serve = () => {
  const server = https.createServer(
    { cert: readFileSync(fileFrom("BENCH_CERT")), key: readFileSync(fileFrom("BENCH_KEY")) },
    answer
  )
  server.keepAliveTimeout = idleSeconds * 1000
  return listening(server)
}
