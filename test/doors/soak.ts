/**
 * Many clients of every kind at the same time: see `soakClients.ts`. In the end the counts must agree: one access-log line for
 * each request, each hook once, nothing held.
 *
 *   npm run soak -- [minutes [door [seed]]]      default 1, half of it at each door
 *
 * Each door has its own process, which reports every ten seconds, ends with a table, and is killed if it does not end. Exits 1 if
 * something is wrong.
 */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { readdirSync } from "node:fs"
import { collectGarbage } from "../utils/garbage.js"
import { turns } from "../utils/Journal.js"
import { Soak } from "./soakClients.js"
import { type Door, effect, hooksEach, plain } from "./soakDoors.js"

/** Bytes in use after the garbage was collected. */
export const heapUsed = async (): Promise<number> => {
  for (let i = 0; i < 3; i++) {
    await turns(5)
    collectGarbage()
  }
  return process.memoryUsage().heapUsed
}

/** What the process holds, in numbers. */
interface Held {
  readonly heap: number
  readonly handles: number
  readonly descriptors: number
}

const held = async (): Promise<Held> => ({
  heap: await heapUsed(),
  handles: process.getActiveResourcesInfo().filter((kind) => !ours.has(kind)).length,
  descriptors: readdirSync("/proc/self/fd").length
})

// these are the soak's own timers, for turns and for its reports
const ours = new Set(["Immediate", "Timeout"])

/** The result of a soak of one door, with all that is wrong. */
export interface Report {
  readonly holds: boolean
  readonly text: string
}

/**
 * Runs clients of every kind at a door for some time, stops the server under them, and compares what is held before and after.
 */
export const soak = async (
  name: string,
  door: Door,
  seconds: number,
  seed: number,
  say: (line: string) => void
): Promise<Report> => {
  const before = await held()
  const soak = new Soak({ requests: Infinity, seconds, clients: 50, seed }, door)
  await soak.start()
  const begun = performance.now()
  const tell = (): void => {
    const { hooks, lines, refusals, sent } = soak.tally
    const elapsed = ((performance.now() - begun) / 1000).toFixed(0)
    say(
      `${name}, ${elapsed} s of ${seconds}: ${sent} requests, ${hooks} hooks, ${lines} lines, ${refusals} refusals, ` +
        `${mebibytes(process.memoryUsage().heapUsed)}; clients: ${soak.doing}`
    )
  }
  const telling = setInterval(tell, 10_000)
  // if one spell takes longer, the next one is shorter
  const until = (part: number) => ({
    requests: Infinity,
    seconds: begun / 1000 + part * seconds - performance.now() / 1000
  })
  // the first requests fill caches
  await soak.run(until(1 / 4))
  await soak.settle()
  const warm = await held()
  const heaps: Array<number> = [warm.heap]
  let worked = warm
  for (let spell = 1; spell <= spells; spell++) {
    await soak.run(until(1 / 4 + spell / spells / 2))
    await soak.settle()
    worked = await held()
    heaps.push(worked.heap)
  }
  await soak.runIntoStop(until(1), 1_000)
  await soak.settle()
  clearInterval(telling)
  const after = await held()
  const { calls, hooks, lines, outcomes, refusals, sent, wrong } = soak.tally
  if (hooks !== calls * hooksEach) wrong.push(`${hooks} hooks instead of ${calls * hooksEach}`)
  if (lines !== calls + refusals) wrong.push(`${lines} lines for ${calls} requests and ${refusals} refusals`)
  if (after.handles > before.handles) wrong.push(`${after.handles - before.handles} handles are left`)
  if (after.descriptors > before.descriptors) {
    wrong.push(`${after.descriptors - before.descriptors} descriptors are left`)
  }
  // a leak of 100 bytes for each request would show
  if (worked.heap - warm.heap > 8_388_608) wrong.push(`the heap grew by ${mebibytes(worked.heap - warm.heap)} at work`)
  const row = (what: string, ...cells: ReadonlyArray<string | number>): string =>
    `${what.padEnd(40)}${cells.map((cell) => String(cell).padStart(15)).join("")}`
  const text = [
    row(name, "at the start", "warm", "at work", "after the stop"),
    row("heap", ...[before, warm, worked, after].map(({ heap }) => mebibytes(heap))),
    `heap, each ${(seconds / 2 / spells).toFixed(0)} s of work`.padEnd(40) +
    heaps.map((heap) => mebibytes(heap).padStart(12)).join(""),
    row("handles", ...[before, warm, worked, after].map(({ handles }) => handles)),
    row("descriptors", ...[before, warm, worked, after].map(({ descriptors }) => descriptors)),
    row("requests sent, begun ones included", sent),
    row("given to the application", calls),
    row("hooks expected, run", calls * hooksEach, hooks),
    row("lines of the log expected, written", calls + refusals, lines),
    ...[...outcomes].sort().map(([kind, count]) => row(`  ${kind}`, count)),
    ...wrong.map((line) => `wrong: ${line}`)
  ].join("\n")
  return { holds: wrong.length === 0, text }
}

/** How many times the heap is measured while clients work. */
const spells = 4

/** Seconds that a soak may take beyond its time, to begin, to settle and to stop. */
const beyond = 60

const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`

export const doors = { "plain TypeScript": plain, "Effect": effect } as const

// A soak that does not end by itself has failed, even if that is a fault of the platform.
const inItsProcess = async (args: ReadonlyArray<string>, seconds: number): Promise<void> => {
  const child = spawn(process.execPath, [...process.execArgv, import.meta.filename, ...args], {
    stdio: "inherit"
  })
  const late = setTimeout(() => {
    process.stderr.write(`wrong: it did not end ${beyond} s after its time\n`)
    child.kill("SIGKILL")
  }, (seconds + beyond) * 1000)
  await once(child, "exit")
  clearTimeout(late)
  if (child.exitCode === 0) return
  process.exitCode = 1
  if (child.exitCode !== 1) process.stderr.write(`wrong: it ended with ${child.signalCode ?? child.exitCode}\n`)
}

if (process.argv[1] === import.meta.filename) {
  // these are there from the beginning, because they count as handles if they are pipes
  const { stderr, stdout } = process
  const [given = "1", name, seed = String(Date.now())] = process.argv.slice(2)
  const minutes = Number(given)
  if (!(minutes > 0)) throw new Error(`minutes, such as 5; not ${given}`)
  const seconds = minutes * 30
  if (name === undefined) {
    for (const each of Object.keys(doors)) await inItsProcess([given, each, seed], seconds)
  } else {
    const door = Object.entries(doors).find(([each]) => each === name)?.[1]
    if (door === undefined) throw new Error(`${Object.keys(doors).join(" or ")}; not ${name}`)
    const { holds, text } = await soak(name, door, seconds, Number(seed), (line) => stdout.write(`${line}\n`))
    ;(holds ? stdout : stderr).write(`${text}\n\n`)
    if (!holds) process.exitCode = 1
  }
}
