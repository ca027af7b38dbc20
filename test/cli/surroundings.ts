/** An app whose surroundings fail, and what the tests of that need. */
import * as fs from "node:fs"
import { afterAll, beforeAll } from "vitest"
import type { Program } from "../utils/processes.js"
import { connect } from "../utils/sockets.js"
import { folderWithCommand, tsgi, write } from "./command.js"

export let folder: string
export const serve = (...args: ReadonlyArray<string>): Program =>
  tsgi(folder, "serve", "app.mjs", "--settle", "0s", "--access-log", "none", ...args)

beforeAll(async () => {
  folder = await folderWithCommand("failures")
  write(
    folder,
    "app.mjs",
    `export default (env, startResponse) => {
  if (env.PATH_INFO === "/throw") setImmediate(() => { throw new Error("out of the blue") })
  startResponse("200 OK", [])
  return "Hello"
}`
  )
}, 60_000)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

export const ready = /info {2}ready in \d+ ms/
export const portOf = async (program: Program): Promise<number> => {
  const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
  await program.line(ready)
  return Number(port)
}

export const get = async (port: number, target = "/"): Promise<string> => {
  await using client = await connect(port)
  client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`)
  return Buffer.from((await client.response()).body).toString()
}
