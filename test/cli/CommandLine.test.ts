/**
 * The message for each invalid argument: empty values, switches, flags that need another one, variables that are not settings.
 * All arguments are read before anything begins, so no process is needed.
 */
import { describe, expect, it } from "vitest"
import { parse } from "../../src/cli/commandLine.js"
import { flags } from "../../src/cli/flags.js"
import { controlPath, read } from "../../src/cli/Settings.js"
import { unknownVariables } from "../../src/cli/sources.js"
import { verbs } from "../../src/cli/verbs.js"

const given = (sources: Partial<Parameters<typeof read>[0]>): Parameters<typeof read>[0] => ({
  flags: {},
  env: {},
  file: undefined,
  cwd: "/srv/shop",
  ...sources
})
const settings = (...words: ReadonlyArray<string>) =>
  read(given({ flags: parse(["serve", "app.mjs", ...words]).flags }))

describe("a value that is empty", () => {
  // a shell gives an empty value for a variable that is not set
  it.each(verbs.flatMap(({ argument, flags, name }) => flags.map((flag) => [name, flag, argument] as const)))(
    "is refused: tsgi %s with %o",
    (verb, { name, value }, argument) => {
      const words = argument === "app" ? [verb, "app.mjs"] : argument === undefined ? [verb] : [verb, "1"]
      const refused = new RegExp(`^--${name} is empty: give .+, or leave it out$`)
      expect(() => parse([...words, `--${name}=`])).toThrow(refused)
      if (value !== undefined) expect(() => parse([...words, `--${name}`, ""])).toThrow(refused)
    }
  )

  it.each([["serve", "app"], ["check", "app"], ["recycle", "slot"], ["scale", "n"], ["completions", "shell"]])(
    "is no argument of tsgi %s",
    (verb, what) => {
      expect(() => parse([verb, ""])).toThrow(`the ${what} is empty: is a variable of the shell not set?`)
    }
  )

  it("is no verb", () => {
    expect(() => parse([""])).toThrow("the verb is empty: see tsgi --help")
  })

  it("is not there in the environment, and is none of a file's", () => {
    const env = {
      ...Object.fromEntries(flags.map(({ name }) => [`TSGI_${name.toUpperCase().replaceAll("-", "_")}`, ""])),
      PORT: ""
    }
    expect(read(given({ env }))).toEqual(read(given({})))
    expect(() => read(given({ file: { name: "tsgi.json", values: { settle: "" } } }))).toThrow(/^settle in tsgi\.json/)
  })
})

describe("a switch", () => {
  it("can be said no to, over another source and over what a verb has by itself", () => {
    const env = { TSGI_DEBUG: "true" }
    expect(read(given({ env })).options).toEqual({ debug: true })
    for (const no of ["--debug=false", "--debug=no", "--debug=off"]) {
      expect(read(given({ env, flags: parse(["serve", "a", no]).flags })).options).toEqual({})
    }
    expect(parse(["dev", "a", "--watch=false"]).flags).toEqual({ watch: "false" })
    expect(settings("--watch=true").watch?.paths).toEqual(["/srv/shop"])
    expect(settings("--watch=src").watch?.paths).toEqual(["/srv/shop/src"])
    expect(() => parse(["serve", "a", "--factory=maybe"])).toThrow(
      "--factory is a switch: its values are true and false"
    )
  })
})

describe("an invalid flag", () => {
  it.each([
    [["--watch", "src"], "--watch takes no word behind it; did you mean --watch=src?"],
    [["--boot-timeout", "0"], "--boot-timeout 0: must be 1 ms or more"]
  ])("%j is refused", (words, message) => {
    expect(() => settings(...words)).toThrow(message)
  })

  it.each([
    [["--watch-path", "src"], "--watch-path changes nothing without --watch"],
    [["--watch-ignore", "tmp"], "--watch-ignore changes nothing without --watch"],
    [["--proxy-from", "loopback"], "--proxy-from changes nothing without --proxy-protocol v1, v2 or any"],
    [["--unix-mode", "0600"], "--unix-mode changes nothing without --unix"]
  ])("%j has a line", (words, message) => {
    expect(settings(...words).warnings).toEqual([message])
  })

  it("a time to find a hang is two beats at least, as one would end healthy workers", () => {
    const times = [["500ms", 2000], ["1s", 2000], ["2s", 2000], ["3s", 3000], ["0", 0]] as const
    for (const [given, read] of times) expect(settings("--hang-timeout", given).recycling.hangTimeout).toBe(read)
  })

  it("a flag with the one that it needs is taken", () => {
    expect(settings("--watch", "--watch-path", "src").warnings).toEqual([])
    expect(settings("--unix", "a.sock", "--unix-mode", "0600").listen).toMatchObject([{ mode: 0o600 }])
  })

  it("a variable that is named as a setting and is none has a line", () => {
    expect(unknownVariables({ TSGI_WORKER: "2", TSGI_GRCE: "1s", TSGI_PORT: "1", TSGI_SLOT: "1", PORT: "1" })).toEqual([
      "TSGI_WORKER is no setting; did you mean TSGI_WORKERS?",
      "TSGI_GRCE is no setting; did you mean TSGI_GRACE?"
    ])
  })
})

describe("a server that runs is found", () => {
  it("by control and name alone, whatever the other settings are", () => {
    const env = { XDG_RUNTIME_DIR: "/run/u", PORT: "nonsense", TSGI_WORKERS: "many" }
    const file = { name: "tsgi.json", values: { name: "books", workers: 0, grace: "soon", nonsense: 1 } }
    expect(controlPath(given({ env }))).toBe("/run/u/tsgi/shop.sock")
    expect(controlPath(given({ env, file }))).toBe("/run/u/tsgi/books.sock")
    // `status --watch` is not the flag of a server
    expect(controlPath(given({ env, file, flags: { watch: "true" } }))).toBe("/run/u/tsgi/books.sock")
    expect(controlPath(given({ env, file, flags: { control: "a.sock" } }))).toBe("/srv/shop/a.sock")
    expect(controlPath(given({ env, file, flags: { control: "none" } }))).toBe(undefined)
  })
})

describe("the app", () => {
  it("may be a setting", () => {
    expect(parse(["serve"]).argument).toBe(undefined)
    expect(read(given({ file: { name: "tsgi.json", values: { app: "app.mjs" } } })).appPath).toBe("app.mjs")
  })
})
