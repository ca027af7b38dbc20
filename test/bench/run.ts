/**
 * The benchmark: `npm run bench`, or with options, `npm run bench -- --only hello,tls --rounds 7`. See README.md.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { cpus, tmpdir } from "node:os"
import * as path from "node:path"
import { parseArgs } from "node:util"
import { generate } from "selfsigned"
import { chart } from "./chart.js"
import { installed, missing } from "./load/wrk.js"
import { type Entrant, lacking, measureRound, prepare, type Sample, type Settings } from "./measure.js"
import { bench, built } from "./paths.js"
import { usableCores } from "./processes.js"
import { comparison, document, type Results, terminal, verdicts, withUnit } from "./report.js"
import { type Contestant, keyOf, latencyTimes, type Measurement, measurements, servers } from "./scenarios.js"

const usage = `npm run bench -- [options]

  --rounds <n>     rounds, of which the median counts (default 5)
  --seconds <s>    how long each figure is measured (default 3; points of a series take a third of it, p99 ${latencyTimes.seconds} times)
  --warmup <s>     load before each figure that does not count (default 1.5; p99 ${latencyTimes.warmup} times)
  --only <ids>     only these measurements, separated by commas; an id's beginning is enough
  --quick          one short round of everything: does it run? The figures mean nothing
  --cores <a,b>    cores for the server and for the load (default: the first two)
  --against <dir>  also measure the tsgi of another checkout, built with \`npm run bench:build\`
  --out <dir>      write RESULTS.md, results.svg and results.json there; a full run writes them beside this file
  --merge          with --only: replace these measurements in what an earlier run wrote
  --draw           write RESULTS.md and results.svg from results.json, without measuring
  --list           the ids of all measurements
`

const wrong = (reason: string): never => {
  process.stderr.write(`${reason}\n\n${usage}`)
  process.exit(2)
}

const parse = () => {
  try {
    return parseArgs({
      options: {
        rounds: { type: "string" },
        seconds: { type: "string" },
        warmup: { type: "string" },
        only: { type: "string" },
        quick: { type: "boolean", default: false },
        cores: { type: "string" },
        against: { type: "string" },
        out: { type: "string" },
        merge: { type: "boolean", default: false },
        draw: { type: "boolean", default: false },
        list: { type: "boolean", default: false },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch (error) {
    return wrong(error instanceof Error ? error.message : String(error))
  }
}

const given = parse()

const say = (line: string): void => {
  process.stdout.write(`${line}\n`)
}

const number = (name: "rounds" | "seconds" | "warmup", usual: number, least: number): number => {
  const text = given[name]
  const value = text === undefined ? usual : Number(text)
  return value >= least && value < Infinity ? value : wrong(`--${name} must be a number of at least ${least}`)
}

const coresFrom = (text: string) => {
  const [server, load, ...more] = text.split(",").map(Number)
  return Number.isInteger(server) && Number.isInteger(load) && more.length === 0
    ? { server, load }
    : wrong("--cores takes two numbers, such as 0,2")
}

// The folder in which another checkout's benchmark is built.
const checkoutFrom = (folder: string): string => {
  const checkout = path.resolve(folder)
  return existsSync(path.join(built(checkout), "servers/main.js"))
    ? checkout
    : wrong(`--against ${folder}: no benchmark is built there; run \`npm run bench:build\` in it`)
}

const chosen = (): ReadonlyArray<Measurement> => {
  const beginnings = given.only?.split(",")
  for (const beginning of beginnings ?? []) {
    if (!measurements.some(({ id }) => id.startsWith(beginning))) wrong(`--only ${beginning}: no measurement begins so`)
  }
  const wanted = measurements.filter(({ id }) => beginnings?.some((beginning) => id.startsWith(beginning)) ?? true)
  if (!given.quick) return wanted
  const series = (id: string): string => id.replace(/-\d+$/, "-")
  return wanted.filter(({ id, point }, i) =>
    point !== true || series(wanted[i - 1]?.id ?? "") !== series(id) || series(wanted[i + 1]?.id ?? "") !== series(id)
  )
}

const left = new Map<string, string>()
const available = (contestant: Contestant): boolean => {
  const why = lacking(contestant)
  if (why !== undefined) left.set(servers[contestant.server].title, why)
  return why === undefined
}

const entrantsOf = (measurement: Measurement, against: string | undefined): ReadonlyArray<Entrant> =>
  measurement.contestants.filter(available).flatMap((contestant): ReadonlyArray<Entrant> => {
    const entrant = { key: keyOf(contestant), contestant, checkout: undefined }
    const ours = servers[contestant.server].file.startsWith("tsgi")
    return against === undefined || !ours
      ? [entrant]
      : [entrant, { ...entrant, key: `${entrant.key} (before)`, checkout: against }]
  })

const described = (measurement: Measurement, sample: Sample | Error): string => {
  if (sample instanceof Error) return `failed: ${sample.message}`
  const { details, value } = sample
  const more = Object.entries(details).map(([name, each]) => `${name} ${Math.round(each * 100) / 100}`)
  return `${withUnit(measurement, value).padEnd(20)} ${more.join(", ")}`
}

const run = async (temporary: string): Promise<Results> => {
  const rounds = number("rounds", given.quick ? 1 : 5, 1)
  const seconds = number("seconds", given.quick ? 0.3 : 3, 0.1)
  const warmup = number("warmup", given.quick ? 0 : 1.5, 0)
  const cores = given.cores === undefined ? usableCores() : coresFrom(given.cores)
  const against = given.against === undefined ? undefined : checkoutFrom(given.against)
  const wanted = chosen()
  const certificate = await generate([{ name: "commonName", value: "localhost" }], { keyType: "ec" })
  const env = {
    BENCH_CERT: path.join(temporary, "cert.pem"),
    BENCH_KEY: path.join(temporary, "key.pem"),
    BENCH_LOG: path.join(temporary, "access.log")
  }
  writeFileSync(env.BENCH_CERT, certificate.cert)
  writeFileSync(env.BENCH_KEY, certificate.private)
  const settings: Settings = { cores, warmup, seconds, env }
  const timesOf = ({ load, point }: Measurement): Pick<Settings, "seconds" | "warmup"> => {
    if (point === true) return { seconds: Math.max(1, Math.round(seconds / 3)), warmup: Math.min(1, warmup) }
    if (load._tag !== "Latency" || given.quick) return { seconds, warmup }
    return { seconds: seconds * latencyTimes.seconds, warmup: warmup * latencyTimes.warmup }
  }
  if (cores === undefined) say("server and load share cores: fewer than two are here, or no taskset")

  const figures: Record<string, Record<string, Array<number>>> = {}
  const rates: Record<string, number> = {}
  const failures: Array<string> = []
  for (const measurement of wanted) {
    say(`\n${measurement.id}: ${measurement.title}`)
    const own = { ...settings, ...timesOf(measurement) }
    const found: Record<string, Array<number>> = figures[measurement.id] = {}
    const entrants = entrantsOf(measurement, against)
    for (const { key } of entrants) found[key] = []
    let rate = 0
    try {
      rate = await prepare(measurement, settings)
    } catch (error) {
      failures.push(`${measurement.id}: ${String(error)}`)
      continue
    }
    if (rate > 0) {
      rates[measurement.id] = rate
      say(`  at ${Math.round(rate).toLocaleString("en-US")} requests/s`)
    }
    for (let round = 1; round <= rounds; round++) {
      const samples = await measureRound(measurement, entrants, rate, own)
      rmSync(env.BENCH_LOG, { force: true })
      for (const [i, sample] of samples.entries()) {
        const { key } = entrants[i]
        found[key]?.push(sample instanceof Error ? NaN : sample.value)
        if (sample instanceof Error) failures.push(`${measurement.id}, ${key}, round ${round}: ${sample.message}`)
        say(`  ${round}  ${key.padEnd(24)} ${described(measurement, sample)}`)
      }
    }
  }
  for (const [title, why] of left) say(`\n${title} is left out: ${why}`)
  return {
    date: new Date().toISOString().slice(0, 10),
    node: process.versions.node,
    cpu: cpus()[0]?.model ?? "an unknown processor",
    pinned: cores !== undefined,
    seconds,
    warmup,
    rates,
    figures,
    failures
  }
}

const folder = given.out === undefined ? bench() : path.resolve(given.out)

const kept = (): Results => JSON.parse(readFileSync(path.join(folder, "results.json"), "utf8")) as Results

const draw = (results: Results): void => {
  writeFileSync(path.join(folder, "RESULTS.md"), document(results))
  writeFileSync(path.join(folder, "results.svg"), chart(results.figures, verdicts(results.figures)))
}

const write = (results: Results): void => {
  mkdirSync(folder, { recursive: true })
  const before = given.merge ? kept() : results
  const whole = {
    ...results,
    rates: { ...before.rates, ...results.rates },
    figures: { ...before.figures, ...results.figures }
  }
  writeFileSync(path.join(folder, "results.json"), `${JSON.stringify(whole, undefined, 2)}\n`)
  draw(whole)
  say(`written: RESULTS.md, results.svg and results.json in ${path.relative(process.cwd(), folder) || "."}`)
}

if (given.help) say(usage)
else if (given.list) { for (const { id, title } of measurements) say(`${id.padEnd(18)} ${title}`) }
else if (given.draw) draw(kept())
else if (!installed()) {
  process.stderr.write(`${missing}\n`)
  process.exitCode = 1
} else {
  const temporary = mkdtempSync(path.join(tmpdir(), "tsgi-bench-"))
  process.once("exit", () => rmSync(temporary, { recursive: true, force: true }))
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1))
  const results = await run(temporary)
  say(terminal(results) + comparison(results.figures))
  if (!given.quick && given.only === undefined) {
    say("")
    const guard = spawnSync(process.execPath, [path.join(built(), "guard.js")], { stdio: "inherit" })
    if (guard.status !== 0) process.exitCode = 1
  }
  if (given.out !== undefined || given.merge || (!given.quick && given.only === undefined)) write(results)
  if (results.failures.length > 0) process.exitCode = 1
}
