/** The reference of the command, held to the table of flags; and each flag to what reads it. */
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { flags, help, keyOf, variableOf } from "../../src/cli/flags.js"
import { read } from "../../src/cli/Settings.js"
import * as Values from "../../src/cli/values.js"
import { helpOf, verbs } from "../../src/cli/verbs.js"

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
    expect(given({ file }).patience.grace).toBe(3000)
  })

  it("name what cannot be meant, where it was given, and what is expected", () => {
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
