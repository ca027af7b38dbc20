/**
 * Measures how many good clients are answered within two seconds, among more slow clients than places, of one kind at a time or
 * of two.
 *
 *   npx tsx test/doors/crowd.ts [kind[+kind]] [slow clients] [seconds] [door]
 *
 * Defaults: all, 2200, 10, both. Exits 1 below 99 %.
 *
 * `slow` in the environment is the address of slow clients, `good` that of the good ones (both 127.0.0.1 by default); `node` has
 * options for the server's process, such as `--cpu-prof`. Slow clients, good ones and the server are separate processes. A line
 * says how much processor time each took, and what happened to slow clients.
 */
import * as os from "node:os"
import * as path from "node:path"
import { Program } from "../utils/processes.js"
import { askWell, inWords, type Kind, kinds, mixtures, pause, SlowClients } from "./crowdClients.js"
import { doors, isDoor } from "./crowdDoors.js"

const root = path.resolve(import.meta.dirname, "../..")
const from = { slow: process.env.slow ?? "127.0.0.1", good: process.env.good ?? "127.0.0.1" }

const kindsOf = (name: string): ReadonlyArray<Kind> => name.split("+").map((each) => kinds[each])

const isTls = (name: string): boolean => kindsOf(name).some(({ tls }) => tls === true)

const program = (...args: ReadonlyArray<string>): Program =>
  new Program(process.execPath, [...process.execArgv, import.meta.filename, ...args], { cwd: root })

// Prints its counts and ends, when it is told to.
const untilTold = async (count: () => object): Promise<void> => {
  const { system, user } = process.cpuUsage()
  // sockets that are not read do not keep the process alive
  const stays = setInterval(() => undefined, 60_000)
  await new Promise<void>((resolve) => process.once("SIGTERM", () => resolve()))
  clearInterval(stays)
  const used = process.cpuUsage({ system, user })
  process.stdout.write(
    `told ${
      JSON.stringify({ user: Math.round(used.user / 1000), system: Math.round(used.system / 1000), ...count() })
    }\n`
  )
  process.exit()
}

const told = async (asked: Program): Promise<string> => {
  asked.kill("SIGTERM")
  const [, words] = await asked.line(/^told (.*)$/)
  await asked.ended
  return words.replaceAll(/[{}"]/g, "").replaceAll(":", " ").replaceAll(",", ", ")
}

const row = async (name: string, door: string, slow: string, seconds: number): Promise<void> => {
  await using served = new Program(
    process.execPath,
    [
      ...(process.env.node ?? "").split(" ").filter((option) => option !== ""),
      ...process.execArgv,
      import.meta.filename,
      "serve",
      door,
      name
    ],
    { cwd: root }
  )
  const [, port] = await served.line(/^port (\d+)$/)
  await using crowd = program("crowd", name, port, slow)
  // the first good clients connect while the slow ones still do
  await crowd.line(/^begins$/)
  const figures = await askWell(
    { port: Number(port), seconds, rate: 20, patience: 2_000, goodFrom: from.good },
    isTls(name)
  )
  const clients = await told(crowd)
  process.stdout.write(`${door}, ${slow} ${name}: ${inWords(figures)}\n`)
  process.stdout.write(`  server: ${await told(served)}; slow clients: ${clients}\n`)
  if (figures.times.length < 0.99 * figures.asked) process.exitCode = 1
}

const [what = "", ...args] = process.argv.slice(2)
if (what === "serve") {
  const [door = "", name = ""] = args
  if (!isDoor(door)) throw new Error(`no door: ${door}`)
  const { port } = await doors[door](isTls(name))
  process.stdout.write(`port ${port}\n`)
  await untilTold(() => ({}))
} else if (what === "crowd") {
  const [name = "", port, slow] = args
  // the server must not wait for a processor because it has many clients
  os.setPriority(os.getPriority() + 3)
  const clients = new SlowClients(kindsOf(name), { port: Number(port), slow: Number(slow), slowFrom: from.slow })
  process.stdout.write("begins\n")
  void clients.start()
  await untilTold(() => clients.stop())
} else {
  const [slow = "2200", seconds = "10", only = ""] = args
  const names = what === "" ? [...Object.keys(kinds), ...mixtures.map((each) => each.join("+"))] : [what]
  for (const name of names) {
    for (const door of Object.keys(doors)) {
      if (only === "" || only === door) await row(name, door, slow, Number(seconds))
      await pause(500)
    }
  }
}
