/** The reference of the command agrees with the table of flags, and each flag is read. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import * as Facts from "../../src/cli/Facts.js"
import { flags, help, keyOf, variableOf } from "../../src/cli/flags.js"
import { read } from "../../src/cli/Settings.js"
import { Slot } from "../../src/cli/Slot.js"
import * as Status from "../../src/cli/Status.js"
import { seriesOf } from "../../src/cli/supervisorMetrics.js"
import * as Values from "../../src/cli/values.js"
import { helpOf, verbs } from "../../src/cli/verbs.js"
import { Worker } from "../../src/cli/WorkerLife.js"
import { plan as scenePlan } from "./scene.js"

const reference = fs.readFileSync(path.resolve(import.meta.dirname, "../../src/cli/README.md"), "utf8")

it("the reference has each flag with its value, default and text", () => {
  const cell = (text: string): string => text.replaceAll("|", "\\|")
  for (const { alias, default: otherwise = "", name, text, value } of flags) {
    const flag = `${alias === undefined ? "" : `-${alias} `}--${name}${value === undefined ? "" : ` ${cell(value)}`}`
    expect(reference).toContain(`| \`${flag}\` | ${cell(otherwise)} | ${cell(text)} |`)
  }
  for (const { name } of verbs) expect(reference).toContain(`npx tsgi ${name}`)
})

it("help has a line for each flag, and fewer than a hundred", () => {
  const lines = helpOf(verbs[0]).split("\n")
  expect(lines.length).toBeLessThan(100)
  expect(lines.filter((line) => /^ {2}(?:-., )?--/.test(line))).toHaveLength(flags.length)
  expect(help(flags)).not.toContain("\x1b")
})

it("the reference has each field of the status, each series of the supervisor, and each event", () => {
  const facts = Facts.make(scenePlan, new Uint8Array(48), 0, 0)
  const worker = new Worker({
    slot: 1,
    generation: 1,
    startedAt: 0,
    begun: 0,
    limits: { requests: 0, age: Infinity },
    timeouts: scenePlan.timeouts
  })
  facts.workers.add(worker)
  facts.slots = [new Slot(1)]
  facts.slots[0].take({ worker, scope: Effect.runSync(Scope.make()) })
  facts.reloads.done = 1
  const identity = { version: "0.2.0", name: "shop", app: "app.mjs", listening: [], backlog: 511 }
  const status = Status.make(facts, identity, [], 0)
  const names = (value: object): ReadonlyArray<string> => Object.keys(value)
  for (
    const field of [...names(status), ...names(status.totals), ...names(status.restarts), ...names(status.workers[0])]
  ) {
    expect(reference).toContain(`\`${field}\``)
  }
  const series = seriesOf(facts, 0).map(({ name }) => name).filter((name) => /^tsgi_(?:worker|reload|ready)/.test(name))
  expect(new Set(series).size).toBe(6)
  for (const name of series) expect(reference).toMatch(new RegExp(`^\\| \`${name}[\`{]`, "m"))
  const folder = path.resolve(import.meta.dirname, "../../src/cli")
  const events = fs.readdirSync(folder).filter((name) => name.endsWith(".ts")).flatMap((name) =>
    [
      ...fs.readFileSync(path.join(folder, name), "utf8").matchAll(
        /\b(?:journal\.)?(?:info|warn|error|debug)\(\s*"([a-z]+)",/g
      )
    ].map(([, event]) => event)
  )
  expect(new Set(events).size).toBeGreaterThan(20)
  const [, listed = ""] = /`event` is one of ([^.]*)\./.exec(reference) ?? []
  // the end of a worker is a `crash` if it has no other reason
  expect([...listed.matchAll(/`([a-z]+)`/g)].map(([, event]) => event)).toEqual([...new Set(events), "crash"].sort())
})

describe("settings", () => {
  const given = (sources: Partial<Parameters<typeof read>[0]>) =>
    read({ flags: {}, env: {}, file: undefined, cwd: "/srv/shop", ...sources })

  it("are flags before the environment, that before the file, that before defaults", () => {
    const file = { name: "tsgi.toml", values: { port: 1, grace: "3s" } }
    expect(given({}).listen).toEqual([{ _tag: "Tcp", host: "127.0.0.1", port: 8090, tls: false }])
    expect(given({ env: { PORT: "5" } }).listen).toMatchObject([{ port: 5 }])
    expect(given({ file, env: { PORT: "5" } }).listen).toMatchObject([{ port: 1 }])
    expect(given({ file, env: { TSGI_PORT: "2" } }).listen).toMatchObject([{ port: 2 }])
    expect(given({ file, env: { TSGI_PORT: "2" }, flags: { port: "3" } }).listen).toMatchObject([{ port: 3 }])
    expect(given({ file }).timeouts.grace).toBe(3000)
  })

  it("name an invalid value, its source, and what is expected", () => {
    expect(() => given({ env: { TSGI_GRACE: "5" } })).toThrow(/^TSGI_GRACE 5: must be a time/)
    expect(() => given({ file: { name: "tsgi.json", values: { prot: 1 } } })).toThrow(
      /no setting prot; did you mean port\?/
    )
    expect(() => given({ flags: { "max-memory": "lots" } })).toThrow(/^--max-memory lots: must be a size/)
    expect(() => given({ flags: { listen: ["ftp://a"] } })).toThrow(/^--listen ftp:\/\/a: must be/)
  })

  it("of the engine are numbers with or without a unit, in groups", () => {
    expect(
      given({ flags: { set: ["limits.body=10MiB", "timeouts.head=30s", "parser.requireHost=false", "keepalive=5"] } })
        .options
    )
      .toEqual({
        limits: { body: 10_485_760 },
        timeouts: { head: 30_000 },
        parser: { requireHost: false },
        keepalive: 5
      })
  })

  it("have a name of each kind", () => {
    expect([keyOf("max-age"), variableOf("max-age")]).toEqual(["maxAge", "TSGI_MAX_AGE"])
    expect(Values.describeTime(46 * 60_000)).toBe("46 min")
    expect(Values.describeCount(18_231)).toBe("18,231")
  })
})
