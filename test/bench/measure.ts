/** A round has one figure of each contestant, which is started, checked, warmed up, measured and stopped. */
import { spawnSync } from "node:child_process"
import * as path from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { Job, Result } from "./load/job.js"
import { ask } from "./load/wire.js"
import { type Report, wrk } from "./load/wrk.js"
import { bench, built } from "./paths.js"
import { type Cores, Process } from "./processes.js"
import { median } from "./report.js"
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

/** The reason why a contestant cannot take part. */
export const lacking = (contestant: Contestant): string | undefined => {
  const server = servers[contestant.server]
  const lacks = "needs" in server
    ? pythonWith(server.needs) === undefined
    : "program" in server && spawnSync(server.program, ["-v"]).error !== undefined
  return lacks && "package" in server ? `not installed (sudo apt-get install ${server.package})` : undefined
}

/** A Python that has the modules. */
const pythonWith = (modules: ReadonlyArray<string>): string | undefined =>
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
      [path.join(bench(), "servers", server.file), ...contestant.mode === undefined ? [] : [contestant.mode]],
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

/** Sends one request and checks the answer. */
const verify = async (measurement: Measurement, request: Request, port: number): Promise<number> => {
  const { expected } = measurement
  const small = typeof expected === "string"
  const response = await ask(port, request, small, measurement.secure ?? false)
  const right = response.status === 200 && (small ? response.body === expected : response.length === expected)
  if (!right) {
    throw new Error(`wrong answer: ${response.status}, ${response.length} bytes ${response.body.slice(0, 80)}`)
  }
  return response.headers.length + 4 + response.length
}

const startLoad = (job: Job, settings: Settings): Process =>
  new Process(settings.cores?.load, process.execPath, [path.join(built(), "load/main.js"), JSON.stringify(job)])

const underLoad = async (job: Job, settings: Settings): Promise<ReadonlyArray<Result>> => {
  const run = startLoad(job, settings)
  try {
    const [line] = await run.line(/^\{.*$/)
    const found = JSON.parse(line) as { readonly results: ReadonlyArray<Result> } | { readonly error: string }
    if ("error" in found) throw new Error(found.error)
    return found.results
  } finally {
    await run.stop()
  }
}

type WrkLoad = Extract<Load, { readonly _tag: "Wrk" }>
type ReloadLoad = Extract<Load, { readonly _tag: "Reload" }>
type LatencyLoad = Extract<Load, { readonly _tag: "Latency" }>

/** A contestant under wrk. */
class Trial {
  private readonly reports: Array<Report> = []

  constructor(
    private readonly server: Running,
    private readonly measurement: Measurement,
    private readonly request: Request,
    private readonly load: WrkLoad,
    private readonly settings: Settings
  ) {}

  private async run(seconds: number): Promise<Report> {
    const { load, measurement, request, server, settings } = this
    const options = { core: settings.cores?.load, port: server.port, secure: measurement.secure ?? false }
    const report = await wrk({ ...options, request, load, seconds })
    // wrk leaves while every connection waits for an answer, so the server first finishes these answers
    await server.process.quiet()
    return report
  }

  async warmUp(): Promise<void> {
    await verify(this.measurement, this.request, this.server.port)
    if (this.settings.warmup > 0) await this.run(this.settings.warmup)
  }

  async slice(seconds: number): Promise<void> {
    this.reports.push(await this.run(seconds))
  }

  /** The sample of all slices. */
  async sample(): Promise<Sample> {
    const { load, measurement, reports, request, server } = this
    // if the request has a body of its own size, the answer is checked with the small one
    const length = await verify(measurement, request, server.port)
    const sum = (of: (report: Report) => number): number => reports.reduce((sum, report) => sum + of(report), 0)
    const errors = (["connect", "read", "write", "status", "timeout"] as const)
      .map((kind) => [kind, sum((report) => report[kind])] as const)
      .filter(([, count]) => count > 0)
    if (errors.length > 0) throw new Error(`errors: ${errors.map(([kind, count]) => `${kind} ${count}`).join(", ")}`)
    const requests = sum((report) => report.requests)
    const bytes = sum((report) => report.bytes)
    if (requests === 0) throw new Error("no answer in time")
    // wrk does not check bodies, so their total length is checked
    if (bytes < requests * length * 0.98) {
      throw new Error(`${bytes} bytes in ${requests} answers that should have ${length} each`)
    }
    const seconds = sum((report) => report.microseconds) / 1e6
    const counted = load.count === "Responses" ? requests : load.upload === undefined ? bytes : requests * load.upload
    return {
      value: counted / seconds,
      details: {
        requests,
        p50: median(reports.map(({ p50 }) => p50)) / 1000,
        p99: median(reports.map(({ p99 }) => p99)) / 1000
      }
    }
  }

  stop(): Promise<void> {
    return this.server.process.stop()
  }
}

const trial = async (
  measurement: Measurement,
  load: WrkLoad,
  { checkout, contestant }: Entrant,
  settings: Settings
): Promise<Trial> => {
  const server = await start(contestant, checkout, settings)
  return new Trial(server, measurement, requestOf(measurement, contestant), load, settings)
}

const requestOf = ({ request }: Measurement, { path }: Contestant): Request =>
  path === undefined ? request : { ...request, path }

/** The number of slices for a figure: one if new connections would otherwise count for too much. */
const slicesOf = ({ secure }: Measurement, { connections }: WrkLoad, seconds: number): number =>
  secure === true || connections > 64 ? 1 : slicesIn(seconds)

const slicesIn = (seconds: number): number => Math.max(1, Math.ceil(seconds / 0.5))

const underWrk = async (
  measurement: Measurement,
  load: WrkLoad,
  entrants: ReadonlyArray<Entrant>,
  settings: Settings
): Promise<ReadonlyArray<Sample | Error>> => {
  const slices = slicesOf(measurement, load, settings.seconds)
  if (slices > 1) return inTurns(measurement, load, slices, entrants, settings)
  const samples: Array<Sample | Error> = []
  for (const entrant of entrants) samples.push(...await inTurns(measurement, load, 1, [entrant], settings))
  return samples
}

// All contestants run, and have slices of time in turn, so that a slow machine slows all of them.
const inTurns = async (
  measurement: Measurement,
  load: WrkLoad,
  slices: number,
  entrants: ReadonlyArray<Entrant>,
  settings: Settings
): Promise<ReadonlyArray<Sample | Error>> => {
  const trials = await Promise.all(entrants.map((entrant) => attempt(trial(measurement, load, entrant, settings))))
  const each = async (act: (trial: Trial) => Promise<void>): Promise<void> => {
    for (const [i, trial] of trials.entries()) {
      if (trial instanceof Error) continue
      const done = await attempt(act(trial))
      if (!(done instanceof Error)) continue
      trials[i] = done
      await trial.stop()
    }
  }
  const samples: Array<Sample | Error> = []
  try {
    await each((trial) => trial.warmUp())
    for (let slice = 0; slice < slices; slice++) await each((trial) => trial.slice(settings.seconds / slices))
    for (const trial of trials) samples.push(trial instanceof Error ? trial : await attempt(trial.sample()))
  } finally {
    for (const trial of trials) if (!(trial instanceof Error)) await trial.stop()
  }
  return samples
}

const attempt = <A>(promise: Promise<A>): Promise<A | Error> =>
  promise.catch((error: unknown) => error instanceof Error ? error : new Error(String(error)))

const idle = async (job: Job, server: Running, settings: Settings): Promise<Sample> => {
  const resident = async (): Promise<number> => {
    for (let i = 0; i < 3; i++) {
      server.process.write("gc")
      await server.process.line(/^collected$/)
      await sleep(100)
    }
    return server.process.resident
  }
  const run = startLoad(job, settings)
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

// Each reload has its time, and the last one some more, in which the old workers end.
const reloaded = async (job: Job, { reloads }: ReloadLoad, server: Running, settings: Settings): Promise<Sample> => {
  const run = startLoad(job, settings)
  try {
    await run.line(/^\{"ready"/)
    for (let done = 0; done < reloads; done++) {
      server.process.kill("SIGHUP")
      await sleep(3000)
    }
    run.write("enough")
    const [line] = await run.line(/^\{"results".*$/)
    const { results } = JSON.parse(line) as { readonly results: ReadonlyArray<Result> }
    return results[0]
  } finally {
    await run.stop()
  }
}

/** Finds the rate for latencies before the rounds of a measurement, which all need it. */
export const prepare = async (measurement: Measurement, settings: Settings): Promise<number> => {
  if (measurement.load._tag !== "Latency") return 0
  const { connections, peak, share } = measurement.load
  const load: WrkLoad = { _tag: "Wrk", connections, count: "Responses" }
  const [found] = await underWrk(measurement, load, [
    { key: peak, contestant: { server: peak }, checkout: undefined }
  ], settings)
  if (found instanceof Error) throw found
  return found.value * share
}

const alone = async (
  measurement: Measurement,
  load: Exclude<Load, WrkLoad | LatencyLoad>,
  { checkout, contestant }: Entrant,
  settings: Settings
): Promise<Sample> => {
  const request = requestOf(measurement, contestant)
  const begin = performance.now()
  const server = await start(contestant, checkout, settings, load._tag === "Idle" ? ["--expose-gc"] : [])
  try {
    const { port } = server
    await verify(measurement, request, port)
    const { seconds, warmup } = settings
    const job = { port, request, expected: String(measurement.expected), warmup, seconds }
    switch (load._tag) {
      case "Start":
        return { value: performance.now() - begin, details: {} }
      case "Idle":
        return await idle({ ...job, ...load }, server, settings)
      case "Reload":
        return await reloaded({ ...job, ...load }, load, server, settings)
      case "Continue":
        return (await underLoad({ ...job, ...load }, settings))[0]
    }
  } finally {
    await server.process.stop()
  }
}

// All contestants run, and one load sends requests to them in turn.
const latencies = async (
  measurement: Measurement,
  { connections }: LatencyLoad,
  entrants: ReadonlyArray<Entrant>,
  rate: number,
  settings: Settings
): Promise<ReadonlyArray<Sample>> => {
  const { expected, request } = measurement
  const { seconds, warmup } = settings
  const running: Array<Running> = []
  try {
    for (const { checkout, contestant } of entrants) running.push(await start(contestant, checkout, settings))
    for (const { port } of running) await verify(measurement, request, port)
    const job = {
      servers: running.map(({ port }, i) => ({ name: entrants[i].key, port })),
      rate,
      slices: 2 * slicesIn(seconds / 2),
      request,
      expected: String(expected),
      connections,
      warmup,
      seconds
    }
    return await underLoad({ _tag: "Latency", ...job }, settings)
  } finally {
    for (const server of running) await server.process.stop()
  }
}

/** A contestant in a measurement, with its name, and the checkout of its tsgi. */
export interface Entrant {
  readonly key: string
  readonly contestant: Contestant
  readonly checkout: string | undefined
}

/** A figure of each entrant, or the reason why there is none. */
export const measureRound = async (
  measurement: Measurement,
  entrants: ReadonlyArray<Entrant>,
  rate: number,
  given: Settings
): Promise<ReadonlyArray<Sample | Error>> => {
  const { load, shared } = measurement
  const settings = shared === true ? { ...given, cores: undefined } : given
  if (load._tag === "Wrk") return underWrk(measurement, load, entrants, settings)
  if (load._tag === "Latency") {
    const found = await attempt(latencies(measurement, load, entrants, rate, settings))
    return found instanceof Error ? entrants.map(() => found) : found
  }
  const samples: Array<Sample | Error> = []
  for (const entrant of entrants) samples.push(await attempt(alone(measurement, load, entrant, settings)))
  return samples
}
