/** One figure: a contestant started, checked, warmed up, measured, checked again and stopped. */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Job, Result } from "./load/main.js"
import { ask } from "./load/wire.js"
import { wrk } from "./load/wrk.js"
import { bench, built } from "./paths.js"
import { type Cores, Process } from "./processes.js"
import { type Contestant, type Load, type Measurement, type Request, servers } from "./scenarios.js"

export interface Settings {
  readonly cores: Cores | undefined
  readonly warmup: number
  readonly seconds: number
  readonly env: Readonly<Record<string, string>>
}

export interface Sample {
  readonly value: number
  readonly details: Readonly<Record<string, number>>
}

interface Running {
  readonly process: Process
  readonly port: number
}

const pythons = [process.env.BENCH_PYTHON, "/usr/bin/python3", "python3"].filter((name) => name !== undefined)

/** A Python that has the modules. */
export const pythonWith = (modules: ReadonlyArray<string>): string | undefined =>
  pythons.find((python) => spawnSync(python, ["-c", `import ${modules.join(", ")}`]).status === 0)

const start = async (
  contestant: Contestant,
  checkout: string | undefined,
  settings: Settings,
  flags: ReadonlyArray<string> = []
): Promise<Running> => {
  const server = servers[contestant.server]
  const core = settings.cores?.server
  const child = "needs" in server
    ? new Process(
      core,
      pythonWith(server.needs) ?? "python3",
      [path.join(bench(), "servers", server.file)],
      settings.env
    )
    : new Process(
      core,
      process.execPath,
      [...flags, path.join(built(checkout), "servers/main.js"), server.file, contestant.mode ?? ""],
      settings.env
    )
  try {
    const [, port] = await child.line(/^listening (\d+)$/)
    return { process: child, port: Number(port) }
  } catch (error) {
    await child.stop()
    throw error
  }
}

/** Asks once and looks at the answer. */
export const verify = async (measurement: Measurement, request: Request, port: number): Promise<number> => {
  const { expected } = measurement
  const small = typeof expected === "string"
  const response = await ask(port, request, small, measurement.secure ?? false)
  const right = response.status === 200 && (small ? response.body === expected : response.length === expected)
  if (!right) {
    throw new Error(`wrong answer: ${response.status}, ${response.length} bytes ${response.body.slice(0, 80)}`)
  }
  return response.headers.length + 4 + response.length
}

const load = async (job: Job, settings: Settings): Promise<Result> => {
  const run = new Process(settings.cores?.load, process.execPath, [
    path.join(built(), "load/main.js"),
    JSON.stringify(job)
  ])
  try {
    const [line] = await run.line(/^\{.*$/)
    const result = JSON.parse(line) as Result | { readonly error: string }
    if ("error" in result) throw new Error(result.error)
    return result
  } finally {
    await run.stop()
  }
}

// where the request has a body of its own size, the small one stands for it when the answer is checked
const withWrk = async (
  measurement: Measurement & { readonly load: Extract<Load, { readonly _tag: "Wrk" }> },
  request: Request,
  port: number,
  settings: Settings
): Promise<Sample> => {
  const length = await verify(measurement, request, port)
  const options = { ...settings, core: settings.cores?.load, port, secure: measurement.secure ?? false, request }
  if (settings.warmup > 0) await wrk({ ...options, load: measurement.load, seconds: settings.warmup })
  const report = await wrk({ ...options, load: measurement.load, seconds: settings.seconds })
  await verify(measurement, request, port)
  const { connect, read, status, timeout, write } = report
  const failed = connect + read + write + status + timeout
  if (failed > 0) throw new Error(`errors: ${JSON.stringify({ connect, read, write, status, timeout })}`)
  if (report.requests === 0) throw new Error("no answer in time")
  // wrk does not look at bodies: their length in all is what can be checked
  if (report.bytes < report.requests * length * 0.98) {
    throw new Error(`${report.bytes} bytes in ${report.requests} answers that should have ${length} each`)
  }
  const seconds = report.microseconds / 1e6
  const { count, upload } = measurement.load
  return {
    value: (count === "Responses" ? report.requests : upload === undefined ? report.bytes : report.requests * upload) /
      seconds,
    details: { requests: report.requests, p50: report.p50 / 1000, p99: report.p99 / 1000 }
  }
}

const idle = async (job: Job, server: Running, settings: Settings): Promise<Sample> => {
  const resident = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      server.process.write("gc")
      await server.process.line(/^collected$/)
      await sleep(100)
    }
    return server.process.resident
  }
  const run = new Process(settings.cores?.load, process.execPath, [
    path.join(built(), "load/main.js"),
    JSON.stringify(job)
  ])
  try {
    await run.line(/^\{"ready"/)
    const before = await resident()
    run.write("go on")
    await run.line(/^\{"idle"/)
    const after = await resident()
    return { value: (after - before) / job.connections, details: { before, after } }
  } finally {
    await run.stop()
  }
}

/** What a measurement finds out before its rounds, and all of them need: the rate for latencies. */
export const prepare = async (measurement: Measurement, settings: Settings): Promise<number> => {
  if (measurement.load._tag !== "Latency") return 0
  const server = await start({ server: measurement.load.peak }, undefined, settings)
  try {
    const peak = {
      ...measurement,
      load: { _tag: "Wrk", connections: measurement.load.connections, count: "Responses" }
    } as const
    const { value } = await withWrk(peak, measurement.request, server.port, settings)
    return value * measurement.load.share
  } finally {
    await server.process.stop()
  }
}

export const measure = async (
  measurement: Measurement,
  contestant: Contestant,
  checkout: string | undefined,
  rate: number,
  settings: Settings
): Promise<Sample> => {
  const { expected } = measurement
  const request = contestant.path === undefined
    ? measurement.request
    : { ...measurement.request, path: contestant.path }
  const begin = performance.now()
  const server = await start(contestant, checkout, settings, measurement.load._tag === "Idle" ? ["--expose-gc"] : [])
  try {
    const { port } = server
    const job = {
      port,
      request,
      expected: String(expected),
      warmup: settings.warmup,
      seconds: settings.seconds
    }
    switch (measurement.load._tag) {
      case "Start": {
        await verify(measurement, request, port)
        return { value: performance.now() - begin, details: {} }
      }
      case "Wrk":
        return await withWrk({ ...measurement, load: measurement.load }, request, port, settings)
      case "Idle":
        await verify(measurement, request, port)
        return await idle({ ...job, ...measurement.load }, server, settings)
      case "Latency":
        await verify(measurement, request, port)
        return await load({ ...job, _tag: "Latency", connections: measurement.load.connections, rate }, settings)
      case "Continue":
        await verify(measurement, request, port)
        return await load({ ...job, ...measurement.load }, settings)
    }
  } finally {
    await server.process.stop()
  }
}
