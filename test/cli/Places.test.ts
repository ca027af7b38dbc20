/**
 * Where a server listens, by all sources of settings: a source that names a place drops the places of lower sources, and two
 * kinds of place in one source are an error that names what was given, and where.
 */
import { describe, expect, it } from "vitest"
import type { ListenSpec } from "../../src/cli/ListenSettings.js"
import { read } from "../../src/cli/Settings.js"

type Given = Readonly<Record<string, string | ReadonlyArray<string>>>
type Level = "flags" | "environment" | "file"
const levels: ReadonlyArray<Level> = ["flags", "environment", "file"]

const settings = (by: Partial<Record<Level, Given>>) =>
  read({
    flags: by.flags ?? {},
    env: Object.fromEntries(
      Object.entries(by.environment ?? {}).map(([name, value]) => [`TSGI_${name.toUpperCase()}`, [value].flat().join()])
    ),
    file: by.file === undefined ? undefined : { name: "tsgi.toml", values: by.file },
    cwd: "/srv"
  })

const tcp = (host: string, port: number): ListenSpec => ({ _tag: "Tcp", host, port, tls: false })
const unix: ListenSpec = { _tag: "Unix", path: "/run/a.sock", mode: 0o660, tls: false }

interface Place {
  readonly given: Given
  readonly kind: string
  readonly listens: ReadonlyArray<ListenSpec>
}
const places: ReadonlyArray<Place> = [
  { given: { listen: ["http://[::1]:1", "unix:/run/a.sock"] }, kind: "listen", listens: [tcp("::1", 1), unix] },
  { given: { unix: "/run/a.sock" }, kind: "unix", listens: [unix] },
  { given: { fd: "7" }, kind: "fd", listens: [{ _tag: "Descriptor", fd: 7, tls: false }] },
  { given: { host: "::1" }, kind: "tcp", listens: [tcp("::1", 8090)] },
  { given: { port: "2" }, kind: "tcp", listens: [tcp("127.0.0.1", 2)] },
  { given: { host: "::1", port: "2" }, kind: "tcp", listens: [tcp("::1", 2)] }
]

const names = ({ given }: Place): string => Object.keys(given).join("+")
const others = (one: Place): ReadonlyArray<Place> => places.filter(({ kind }) => kind !== one.kind)

describe("a place of a higher source", () => {
  const pairs = levels.flatMap((high, i) => levels.slice(i + 1).map((low) => [high, low] as const))
  it.each(
    pairs.flatMap(([high, low]) =>
      places.flatMap((place) =>
        others(place).map((other) => [high, names(place), low, names(other), place, other] as const)
      )
    )
  )("%s %s drops that of the %s %s", (high, _, low, _other, { given, listens }, other) => {
    const { listen, listenByDefault } = settings({ [high]: given, [low]: other.given })
    expect(listen).toEqual(listens)
    expect(listenByDefault).toBe(false)
  })

  it("drops those of all below", () => {
    const by = { environment: { unix: "/run/b.sock" }, file: { listen: ["http://[::1]:3"] } }
    expect(settings({ ...by, flags: { fd: "7" } }).listen).toEqual([{ _tag: "Descriptor", fd: 7, tls: false }])
    expect(settings({ flags: { port: "2" }, environment: { unix: "/a" }, file: { fd: "7" } }).listen).toEqual([
      tcp("127.0.0.1", 2)
    ])
  })

  it("is not read where it is dropped", () => {
    expect(settings({ flags: { unix: "/run/a.sock" }, file: { port: "none" } }).listen).toEqual([unix])
    expect(settings({ flags: { port: "2" }, environment: { listen: "nonsense" } }).listen).toEqual([
      tcp("127.0.0.1", 2)
    ])
  })
})

it("host and port are of one place, whichever sources they come from", () => {
  for (const [high, low] of [["flags", "environment"], ["flags", "file"], ["environment", "file"]] as const) {
    expect(settings({ [high]: { port: "2" }, [low]: { host: "::1", port: "3" } }).listen).toEqual([tcp("::1", 2)])
    expect(settings({ [high]: { host: "::1" }, [low]: { host: "::2", port: "3" } }).listen).toEqual([tcp("::1", 3)])
  }
})

describe("two kinds of place in one source", () => {
  const one: ReadonlyArray<Place> = places.filter(({ given }) => Object.keys(given).length === 1)
  const named: Readonly<Record<Level, (name: string) => string>> = {
    flags: (name) => `--${name}`,
    environment: (name) => `TSGI_${name.toUpperCase()}`,
    file: (name) => name
  }
  it.each(
    levels.flatMap((level) =>
      one.flatMap((place, i) =>
        one.slice(i + 1).filter(({ kind }) => kind !== place.kind).map((other) =>
          [level, names(place), names(other), place, other] as const
        )
      )
    )
  )("%s: %s and %s are refused", (level, name, other, place, second) => {
    const where = level === "file" ? " in tsgi.toml" : ""
    // a lower source does not matter
    expect(() => settings({ file: { host: "::2" }, [level]: { ...place.given, ...second.given } })).toThrow(
      `${named[level](name)} and ${named[level](other)}${where}: give one of them, or ${
        named[level]("listen")
      } for each`
    )
  })

  it("all that was given is named, and nothing else", () => {
    expect(() => settings({ flags: { unix: "/a", host: "::1", port: "2" } })).toThrow(
      /^--unix and --host and --port: give one of them, or --listen for each$/
    )
    expect(() => settings({ flags: { unix: "/a", port: "2" }, file: { host: "::1", fd: "7" } })).toThrow(
      /^--unix and --port: give/
    )
  })
})

describe("with a certificate", () => {
  const pem = { "tls-cert": "a.pem", "tls-key": "a.key" }
  const secured = (listen: ReadonlyArray<string>, flags: Given = pem): ReadonlyArray<boolean> =>
    read({ flags: { ...flags, listen }, env: {}, file: undefined, cwd: "/srv" }).listen.map(({ tls }) => tls)

  it.each<readonly [urls: string, secured: ReadonlyArray<boolean>]>([
    // the usual pair: a certificate for the world, and none for the proxy on this machine
    ["https://[::]:443 unix:/run/a.sock", [true, false]],
    ["https://[::]:443 http://[::]:80 unix:/run/a.sock fd:3", [true, false, false, false]],
    ["https://[::]:443 https+unix:/run/a.sock https+fd:3", [true, true, true]],
    ["https+unix:/run/a.sock unix:/run/b.sock", [true, false]],
    // the certificate is for nothing else
    ["unix:/run/a.sock", [true]],
    ["unix:/run/a.sock fd:3", [true, true]],
    ["http://[::]:80 unix:/run/a.sock", [false, true]],
    ["http+unix:/run/a.sock http+fd:3", [false, false]],
    ["http+unix:/run/a.sock fd:3", [false, true]],
    // as --host and --port have it
    ["0.0.0.0:443", [true]],
    ["0.0.0.0:443 http://0.0.0.0:80", [true, false]],
    ["https://0.0.0.0:443 127.0.0.1:80 unix:/run/a.sock", [true, false, false]]
  ])("%s", (urls, expected) => {
    expect(secured(urls.split(" "))).toEqual(expected)
  })

  it("--unix, --fd and --port have TLS", () => {
    for (const flags of [{ unix: "/run/a.sock" }, { fd: "3" }, { port: "1" }, {}]) {
      expect(read({ flags: { ...pem, ...flags }, env: {}, file: undefined, cwd: "/srv" }).listen).toMatchObject([{
        tls: true
      }])
    }
  })

  it("it is missing for an address with TLS", () => {
    for (const url of ["https://[::]:443", "https+unix:/run/a.sock", "https+fd:3"]) {
      expect(() => secured([url], {})).toThrow(`--listen ${url} needs --tls-cert and --tls-key`)
      expect(secured([url.replace(/^https/, "http")], {})).toEqual([false])
    }
  })

  it("it is said to be for nothing where no address has TLS", () => {
    const warningsOf = (listen: ReadonlyArray<string>) =>
      read({ flags: { ...pem, listen }, env: {}, file: undefined, cwd: "/srv" }).warnings
    expect(warningsOf(["http://[::]:80"])).toEqual([
      "--tls-cert changes nothing without --listen https://host:port or https+unix:/path"
    ])
    expect(warningsOf(["https://[::]:80"])).toEqual([])
    expect(warningsOf(["[::]:80"])).toEqual([])
  })

  it("it is said to be for nothing wherever it comes from", () => {
    const file = { name: "tsgi.toml", values: { tlsCert: "a.pem", tlsKey: "a.key", listen: "http://[::]:80" } }
    expect(read({ flags: {}, env: {}, file, cwd: "/srv" }).warnings).toEqual([
      "tlsCert in tsgi.toml changes nothing without --listen https://host:port or https+unix:/path"
    ])
    const env = { TSGI_TLS_CERT: "a.pem", TSGI_TLS_KEY: "a.key", TSGI_LISTEN: "http://[::]:80" }
    expect(read({ flags: {}, env, file: undefined, cwd: "/srv" }).warnings).toEqual([
      "TSGI_TLS_CERT changes nothing without --listen https://host:port or https+unix:/path"
    ])
  })
})

describe("in a file", () => {
  const inFile = (values: Readonly<Record<string, unknown>>) =>
    read({ flags: {}, env: {}, file: { name: "tsgi.json", values }, cwd: "/srv" })

  it("a number is a port, and one of several, too", () => {
    expect(inFile({ listen: 18_211 }).listen).toEqual([tcp("127.0.0.1", 18_211)])
    expect(inFile({ listen: ["unix:/run/a.sock", 18_211] }).listen).toEqual([unix, tcp("127.0.0.1", 18_211)])
    expect(inFile({ listen: 443, tlsCert: "a.pem", tlsKey: "a.key" }).listen).toEqual([
      { ...tcp("127.0.0.1", 443), tls: true }
    ])
    expect(inFile({ listen: 18_211 }).listenByDefault).toBe(false)
    expect(() => inFile({ listen: 70_000 })).toThrow("--listen 127.0.0.1:70000: must be http://host:port")
  })

  it("a value of another kind is said to be ignored", () => {
    expect(inFile({ listen: { port: 1 } })).toMatchObject({
      listen: [tcp("127.0.0.1", 8090)],
      warnings: ["listen in tsgi.json is ignored: it must be text, or a list of texts; it is {\"port\":1}"]
    })
    expect(inFile({ nodeArg: true }).warnings).toEqual([
      "nodeArg in tsgi.json is ignored: it must be text, or a list of texts; it is true"
    ])
    expect(inFile({ nodeArg: false, import: null, set: { limits: { body: 1 } } }).warnings).toEqual([])
  })

  it("a number counts where a list of texts may be given", () => {
    expect(inFile({ watchIgnore: 2024, watch: true }).watch?.ignore).toEqual(["2024"])
  })
})
