/**
 * The sockets of a supervisor if a service manager announces some: for it or for another process, wanted or not.
 */
import * as Effect from "effect/Effect"
import { expect, it } from "vitest"
import * as Journal from "../../src/cli/Journal.js"
import * as Listening from "../../src/cli/Listening.js"
import { read } from "../../src/cli/Settings.js"
import { freePort } from "../utils/ports.js"

const listen = async (
  env: Readonly<Record<string, string>>,
  flags: Readonly<Record<string, string>>
): Promise<readonly [from: ReadonlyArray<string>, lines: ReadonlyArray<string>]> => {
  const lines: Array<string> = []
  const journal = Journal.make({ format: "text", least: "info", pid: 1 }, (line) => lines.push(line.slice(25)))
  // the port comes from the environment, because one from a flag would count as a given address
  const PORT = String(await freePort())
  const settings = read({ flags, env: { PORT }, file: undefined, cwd: "/srv/shop" })
  const listening = await Effect.runPromise(
    Effect.scoped(Effect.provideService(Listening.make(settings, env), Journal.Journal, journal))
  )
  return [listening.map(({ from }) => from), lines]
}

const own = String(process.pid)

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
    "for another process",
    { LISTEN_FDS: "1", LISTEN_PID: "1" },
    {},
    ["bind"],
    /warn {2}LISTEN_FDS is for pid 1, not for this process: start node_modules\/\.bin\/tsgi without a wrapper$/
  ],
  ["for another process, where an address is given", { LISTEN_FDS: "1", LISTEN_PID: "1" }, { host: "127.0.0.1" }, [
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
    Effect.scoped(Effect.match(Listening.makeStatus(settings, [{ from }]), {
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
