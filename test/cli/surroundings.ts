/** An app whose surroundings fail, and a server of it. */
import * as fs from "node:fs"
import { afterAll, beforeAll } from "vitest"
import type { Program } from "../utils/processes.js"
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
