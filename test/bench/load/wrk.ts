/** wrk and its report. */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { bench } from "../paths.js"
import { Process } from "../processes.js"
import type { Load, Request } from "../scenarios.js"

export interface Report {
  readonly requests: number
  readonly bytes: number
  readonly microseconds: number
  /** Microseconds. */
  readonly p50: number
  readonly p99: number
  readonly connect: number
  readonly read: number
  readonly write: number
  readonly status: number
  readonly timeout: number
}

export const installed = (): boolean => spawnSync("wrk", ["-v"]).error === undefined

export const missing =
  "wrk is missing, which makes most of the load. On Debian and Ubuntu:\n\n  sudo apt-get install wrk\n"

export const wrk = async (options: {
  readonly core: number | undefined
  readonly port: number
  readonly secure: boolean
  readonly request: Request
  readonly load: Extract<Load, { readonly _tag: "Wrk" }>
  readonly seconds: number
}): Promise<Report> => {
  const { load, port, request, secure, seconds } = options
  const depth = load.depth ?? 1
  const [script, args] = load.upload !== undefined
    ? ["upload.lua", [request.path, String(load.upload)]]
    : request.body !== undefined
    ? ["post.lua", [request.path, request.body]]
    : load.varied === true
    ? ["varied.lua", [request.path]]
    : depth > 1
    ? ["pipeline.lua", [request.path, String(depth)]]
    : ["report.lua", []]
  const headers = Object.entries(request.headers ?? {}).flatMap(([name, value]) => ["-H", `${name}: ${value}`])
  const run = new Process(options.core, "wrk", [
    ...["-t", "1", "-c", String(load.connections), "-d", `${Math.ceil(seconds)}s`, "--timeout", "10s"],
    ...["-s", path.join(bench(), "load/wrk", script)],
    ...headers,
    `${secure ? "https" : "http"}://127.0.0.1:${port}${request.path}`,
    "--",
    ...args
  ])
  // wrk takes whole seconds, but reports its counts when it is interrupted
  const cut = Number.isInteger(seconds) ? undefined : setTimeout(() => run.kill("SIGINT"), seconds * 1000)
  try {
    const [, report = ""] = await run.line(/^report (\{.*\})$/)
    await run.ended
    return JSON.parse(report) as Report
  } finally {
    clearTimeout(cut)
    await run.stop()
  }
}
