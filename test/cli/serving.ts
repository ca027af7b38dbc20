/** An app that is served by the command, and how it is asked. */
import type { Program } from "../utils/processes.js"
import { connect } from "../utils/sockets.js"

export const hello = `export default (env, startResponse) => {
  if (env.PATH_INFO === "/crash") process.exit(7)
  const blocked = { "/block": 1500, "/stuck": 60_000 }[env.PATH_INFO]
  if (blocked !== undefined) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, blocked)
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return env.PATH_INFO === "/pid" ? String(process.pid) : env.PATH_INFO === "/multi" ? String(env["wsgi.multiprocess"]) : "Hello"
}
`

/** The port of a server that is ready, or has said why it is not. */
export const portOf = async (program: Program): Promise<number> => {
  const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
  await program.line(/ ready in \d+ ms$|error|^tsgi:/)
  return Number(port)
}

/** The status and the body of an answer, on a connection of its own. */
export const get = async (port: number, target = "/"): Promise<string> => {
  await using client = await connect(port)
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  const { body, status } = await client.response()
  return `${status} ${Buffer.from(body).toString()}`
}

/** What is said of a worker, with its process. */
export const ready = /worker \d \((\d+)\) ready/
