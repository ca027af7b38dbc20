/**
 * The sockets of a supervisor if a service manager announces some: for it or for another process, wanted or not.
 */
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { inheritedAddress } from "../../src/cli/inheritedAddress.js"
import * as Journal from "../../src/cli/Journal.js"
import * as Listening from "../../src/cli/Listening.js"
import { read } from "../../src/cli/Settings.js"
import { freePort } from "../utils/ports.js"

const listen = async (
  env: Readonly<Record<string, string>>,
  flags: Readonly<Record<string, string>>
): Promise<readonly [from: ReadonlyArray<string>, lines: ReadonlyArray<string>]> => {
  const lines: Array<string> = []
  const journal = Journal.make(
    { format: "text", least: "info", banner: false, pid: 1 },
    (line) => lines.push(line.slice(25))
  )
  // the port comes from the environment, because one from a flag would count as a given address
  const PORT = String(await freePort())
  const settings = read({ flags, env: { PORT }, file: undefined, cwd: "/srv/shop" })
  const listening = await Effect.runPromise(
    Effect.scoped(Effect.provideService(Listening.make(settings, env), Journal.Journal, journal))
  )
  return [listening.map(({ from }) => from), lines]
}

const own = String(process.pid)
const wrapper = String(process.ppid)
/** More than any process has. */
const gone = "4194305"

it.each<
  readonly [
    what: string,
    env: Readonly<Record<string, string>>,
    flags: Readonly<Record<string, string>>,
    from: ReadonlyArray<string>,
    line: RegExp | undefined
  ]
>([
  ["for this process", { LISTEN_FDS: "2", LISTEN_PID: own }, {}, ["activation", "activation"], undefined],
  [
    "for this process, where an address is given",
    { LISTEN_FDS: "1", LISTEN_PID: own },
    { host: "127.0.0.1" },
    ["bind"],
    /warn {2}LISTEN_FDS is not used: an address was given, which takes precedence$/
  ],
  [
    "for a process that is gone",
    { LISTEN_FDS: "1", LISTEN_PID: gone },
    {},
    ["bind"],
    new RegExp(
      `warn {2}LISTEN_FDS is for pid ${gone}, not for this process: start node_modules/\\.bin/tsgi without a wrapper$`
    )
  ],
  ["for the wrapper, where an address is given", { LISTEN_FDS: "1", LISTEN_PID: wrapper }, { host: "127.0.0.1" }, [
    "bind"
  ], undefined],
  ["of no process, where an address is given", { LISTEN_FDS: "one", LISTEN_PID: "nobody" }, { host: "127.0.0.1" }, [
    "bind"
  ], undefined],
  ["of no process", { LISTEN_FDS: "1" }, {}, ["bind"], undefined],
  ["in no number", { LISTEN_FDS: "0", LISTEN_PID: own }, {}, ["bind"], undefined]
])("sockets %s", async (_, env, flags, from, line) => {
  const [found, lines] = await listen(env, flags)
  expect(found).toEqual(from)
  expect(lines).toEqual(line === undefined ? [] : [expect.stringMatching(line)])
})

/** Whether a server on its own sockets, or on activated ones, finds that it has the address of the status itself. */
const hasAddressOf = async (
  status: string,
  flags: Readonly<Record<string, string>>,
  from: Listening.Listening["from"]
): Promise<boolean> => {
  const settings = read({ flags: { ...flags, status }, env: {}, file: undefined, cwd: "/srv/shop" })
  const outcome = await Effect.runPromise(
    Effect.scoped(Effect.match(Listening.makeStatus(settings, [{ from, address: "http://127.0.0.1:1" }]), {
      onFailure: ({ message }) => message,
      onSuccess: () => "bound"
    }))
  )
  // another program may already have the port
  return outcome.endsWith(": the server itself listens there; give it another port")
}

it.each<readonly [status: string, flags: Readonly<Record<string, string>>, collides: boolean]>([
  ["127.0.0.1:8090", {}, true],
  ["127.0.0.1:8090", { host: "0.0.0.0" }, true],
  ["0.0.0.0:8090", { host: "127.0.0.1" }, true],
  ["0.0.0.0:8090", { host: "::" }, true],
  ["[::]:8090", { host: "127.0.0.1" }, true],
  ["[::1]:8090", { host: "::1" }, true],
  // this is another family of addresses
  ["0.0.0.0:8090", { host: "::1" }, false],
  ["[::1]:8090", { host: "0.0.0.0" }, false],
  ["127.0.0.1:0", { port: "0" }, false],
  ["127.0.0.1:0", {}, false],
  ["127.0.0.1:0", { unix: "a.sock" }, false]
])("the status at %s has the address of a server with %j: %s", async (status, flags, collides) => {
  expect(await hasAddressOf(status, flags, "bind")).toBe(collides)
})

it("the status may have the default address where activated sockets are used instead", async () => {
  expect(await hasAddressOf("127.0.0.1:8090", {}, "activation")).toBe(false)
})

it("variables that are invalid are named", async () => {
  for (const env of [{ LISTEN_FDS: "one", LISTEN_PID: own }, { LISTEN_FDS: "1", LISTEN_PID: "me" }]) {
    await expect(listen(env, {})).rejects.toThrow(/LISTEN_(?:FDS|PID).*must be a whole number/)
  }
})

describe("sockets for a wrapper of this process, such as npx, which hands none on", () => {
  const parentOf = (pid: string): string => /\) \w (\d+) /.exec(fs.readFileSync(`/proc/${pid}/stat`, "utf8"))?.[1] ?? ""

  it.skipIf(process.platform !== "linux").each([["its parent", wrapper], ["the parent of that", parentOf(wrapper)]])(
    "%s: no other address is taken, which nobody asks",
    async (_, pid) => {
      await expect(listen({ LISTEN_FDS: "1", LISTEN_PID: pid }, {})).rejects.toThrow(
        `LISTEN_FDS is for pid ${pid}, which started this process: start node_modules/.bin/tsgi without npx or another ` +
          "wrapper, or give an address"
      )
    }
  )
})

describe("an address is shown as --listen takes it", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-places-"))
  const socket = path.join(folder, "a.sock")
  const shownOf = async (flags: Parameters<typeof read>[0]["flags"], env: Readonly<Record<string, string>> = {}) => {
    const settings = read({ flags, env: {}, file: undefined, cwd: folder })
    const journal = Journal.make({ format: "text", least: "info", pid: 1 }, () => undefined)
    const listening = await Effect.runPromise(
      Effect.scoped(Effect.provideService(Listening.make(settings, env), Journal.Journal, journal)).pipe(
        Effect.catchAll(({ message }) => Effect.fail(new Error(message)))
      )
    )
    return listening.map(({ address }) => address)
  }
  const tls = { "tls-cert": "a.pem", "tls-key": "a.key" }

  it("bound", async () => {
    expect(await shownOf({ unix: "a.sock" })).toEqual([`unix:${socket}`])
    expect(await shownOf({ ...tls, unix: "a.sock" })).toEqual([`https+unix:${socket}`])
    expect(await shownOf({ ...tls, listen: ["https://127.0.0.1:0", "unix:a.sock"] })).toEqual([
      expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/),
      `unix:${socket}`
    ])
  })

  it("in an error", async () => {
    await expect(shownOf({ unix: "/nowhere/a.sock" })).rejects.toThrow(
      /^cannot listen on unix:\/nowhere\/a\.sock: .*no such/
    )
    await expect(shownOf({ ...tls, unix: "/nowhere/a.sock" })).rejects.toThrow(
      /^cannot listen on https\+unix:\/nowhere/
    )
    const long = `/tmp/${"a".repeat(120)}`
    await expect(shownOf({ unix: long })).rejects.toThrow(`cannot listen on unix:${long}: `)
  })

  const listening = async (at: net.ListenOptions): Promise<readonly [server: net.Server, fd: number]> => {
    const server = net.createServer().listen(at)
    await once(server, "listening")
    const { fd } = Reflect.get(server, "_handle") as { readonly fd: number }
    return [server, fd]
  }

  it.skipIf(process.platform !== "linux").each([
    ["127.0.0.1", { host: "127.0.0.1", port: 0 }, "http://127.0.0.1:PORT"],
    ["IPv6", { host: "::1", port: 0 }, "http://[::1]:PORT"],
    ["all of IPv4", { host: "0.0.0.0", port: 0 }, "http://0.0.0.0:PORT"],
    ["all", { host: "::", port: 0 }, "http://[::]:PORT"],
    ["an abstract unix socket", { path: `\0tsgi-${own}` }, "fd:FD"],
    ["a path with a space", { path: path.join(folder, "a b.sock") }, `unix:${path.join(folder, "a b.sock")}`]
  ])("inherited: %s", async (_, at, expected) => {
    const [server, fd] = await listening(at)
    const address = server.address()
    const port = typeof address === "object" ? String(address?.port) : ""
    expect(await shownOf({ fd: String(fd) })).toEqual([expected.replace("PORT", port).replace("FD", String(fd))])
    expect(await shownOf({ ...tls, fd: String(fd) })).toEqual([
      expected.replace("PORT", port).replace("FD", String(fd)).replace("http:", "https:").replace(
        /^(?=unix:|fd:)/,
        "https+"
      )
    ])
    server.close()
  })

  it("inherited, where the system does not tell", async () => {
    expect(inheritedAddress(99_999)).toBeUndefined()
    expect(await shownOf({}, { LISTEN_FDS: "1", LISTEN_PID: own, LISTEN_FDNAMES: "web" })).toEqual([
      expect.stringMatching(/^fd:3 \(web\)$|^(?:http|unix):/)
    ])
  })
})
