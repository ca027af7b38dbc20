/** Invalid options, at every door: each is an OptionError that names it. 0 and Infinity mean what the documentation says. */
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as os from "node:os"
import * as path from "node:path"
import { listen, type ListenOptions, OptionError, server, wrapTls } from "tsgi"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { check as checkListener, listenerTable } from "../../src/node/listenChecks.js"
import { make } from "../../src/node/NodeListener.js"
import { checkTls, table as tlsTable } from "../../src/node/tlsChecks.js"
import * as EffectOptions from "../../src/platform/Options.js"
import { namesOf, type OptionTable } from "../../src/server/checkOptions.js"
import { checkHookOptions, table as hookTable } from "../../src/server/hookOptions.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { stopOptions, table as stopTable } from "../../src/server/StopReport.js"
import { table as connectionTable } from "../../src/testing/MemoryTransport.js"
import * as Options from "../../src/wsgi/Options.js"
import { makeCertificate } from "../utils/certificate.js"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"

const thrownBy = (act: () => unknown): OptionError => {
  try {
    act()
  } catch (error) {
    if (error instanceof OptionError) return error
    throw error
  }
  throw new Error("nothing was thrown")
}

describe("a configuration", () => {
  const oneOrMore = ["requestLine", "fieldLine", "fieldSection", "fieldCount", "connections", "handshakes"] as const

  it.each([...oneOrMore, "requestsPerConnection"] as const)("of no %s", (name) => {
    const error = thrownBy(() => ServerConfig.make({ limits: { [name]: 0 } }))
    expect(error.message).toMatch(
      new RegExp(`^limits\\.${name}: must be a whole number(?: of bytes)?, 1 or more, or Infinity; it is 0$`)
    )
    expect(thrownBy(() => server(listen(), hello, { limits: { [name]: 0 } })).option).toBe(`limits.${name}`)
    expect(ServerConfig.make({ limits: { [name]: 1 } }).limits[name]).toBe(1)
  })

  it.each(["chunkExtensions", "trailerSection", "body", "waitingConnections", "leftoverBody"] as const)(
    "that allows no %s",
    (name) => expect(ServerConfig.make({ limits: { [name]: 0 } }).limits[name]).toBe(0)
  )

  // these limits are numbers of connections and bytes
  const { addressShare: _, ...counted } = ServerConfig.defaults.limits
  it.each(Object.keys(counted))("of %s by halves", async (name) => {
    const limits = { [name]: 1.5 }
    const option = `limits.${name}`
    expect(thrownBy(() => ServerConfig.make({ limits })).message)
      .toMatch(/: must be a whole number(?: of bytes)?, [01] or more, or Infinity; it is 1\.5$/)
    expect(thrownBy(() => server(listen(), hello, { limits })).option).toBe(option)
    expect(await Effect.runPromise(Effect.flip(Effect.scoped(TsgiHttpServer.make({ port: 0, limits })))))
      .toMatchObject({ cause: { _tag: "OptionError", option } })
    expect(ServerConfig.make({ limits: { [name]: Infinity } }).limits).toMatchObject({ [name]: Infinity })
  })

  it.each(["maxSize", "minimumChunkSize", "urlLengthLimit"])("of %s by halves, under its own name", (option) => {
    expect(thrownBy(() => server(listen(), hello, { [option]: 1.5 })).option).toBe(option)
  })

  it("of no time for a handshake", () => {
    expect(thrownBy(() => ServerConfig.make({ timeouts: { handshake: 0 } })).message)
      .toBe("timeouts.handshake: must be a number of milliseconds, 1 or more, or Infinity; it is 0")
    expect(ServerConfig.make({ timeouts: { idle: 0, handshake: Infinity } }).timeouts)
      .toMatchObject({ idle: 0, handshake: Infinity })
  })

  const cases: ReadonlyArray<readonly [option: string, given: unknown, message: RegExp]> = [
    ["halfClose", "abrt", /must be "answer" or "abort"; it is "abrt"$/],
    ["fieldCase", "upper", /must be "title" or "preserve"; it is "upper"$/],
    ["maxMinorVersion", 2, /must be 0 or 1; it is 2$/],
    ["maxMinorVersion", "1", /must be 0 or 1/],
    ["keepAlive", "false", /must be true or false; it is "false"$/],
    ["multiPhaseBody", 1, /must be true or false; it is 1$/],
    ["debug", "yes", /must be true or false; it is "yes"$/],
    ["keepAliveSeconds", 1.5, /must be a whole number, 0 or more; it is 1.5$/],
    ["keepAliveSeconds", Infinity, /must be a whole number/],
    ["keepAliveSeconds", "5", /must be a whole number/],
    ["limits", null, /must be an object; it is null$/],
    ["timeouts", 5, /must be an object; it is 5$/],
    ["parser", [], /must be an object/],
    ["halfClose", null, /must be "answer"/],
    ["debug", Object.create(null), /must be true or false/]
  ]
  it.each(cases)("whose %s is %s", (option, given, message) => {
    const error = thrownBy(() => ServerConfig.make({ [option]: given }))
    expect(error.option).toBe(option)
    expect(error.description).toMatch(message)
  })

  it("that is none", () => {
    for (const given of [null, 5, []]) {
      expect(thrownBy(() => ServerConfig.make(given as never)).message).toMatch(/^options: must be an object/)
    }
  })

  it("whose entries are undefined is the default", () =>
    expect(ServerConfig.make({ halfClose: undefined, limits: undefined, timeouts: { idle: undefined } }))
      .toEqual(ServerConfig.defaults))
})

it("an idle time without end is not told to clients", () => {
  const { config } = Options.read({ keepalive: Infinity })
  expect([config.timeouts.idle, config.keepAliveSeconds]).toEqual([Infinity, undefined])
})

describe("a listener", () => {
  const cases: ReadonlyArray<readonly [option: string, given: unknown, message: RegExp]> = [
    ["host", 5, /must be an address or a name, .*; it is 5$/],
    ["path", 5, /must be text/],
    ["path", "", /must be text/],
    ["backlog", "5", /must be a whole number, 1 or more; it is "5"$/],
    ["backlog", 0, /must be a whole number, 1 or more; it is 0$/],
    ["fd", -1, /must be a whole number, 0 or more; it is -1$/],
    ["fd", "3", /must be a whole number/],
    ["mode", "0660", /must be a number, such as 0o660; it is "0660"$/],
    ["ipv6Only", "yes", /must be true or false; it is "yes"$/],
    ["reusePort", 1, /must be true or false; it is 1$/]
  ]
  it.each(cases)("whose %s is %s", (option, given, message) => {
    const error = thrownBy(() => listen({ [option]: given }))
    expect(error.option).toBe(option)
    expect(error.description).toMatch(message)
  })

  it("that shares its port where Node cannot", () => {
    const [major, minor] = process.versions.node.split(".").map(Number)
    const act = () => listen({ port: 8090, reusePort: true })
    if (major > 23 || (major === 23 && minor > 0) || (major === 22 && minor > 11)) return expect(act).not.toThrow()
    expect(thrownBy(act).message).toBe(
      `reusePort: needs Node 22.12 or later, or 23.1 or later; this is ${process.versions.node}`
    )
  })

  it("that shares a port given as text", () => {
    expect(() => listen({ port: "0", reusePort: true })).not.toThrow()
  })

  it("that was not checked before it is bound", async () => {
    const acceptor = { accepted: () => undefined, lost: () => undefined }
    const binding = make({ port: "http" }).bind(acceptor, { handshakeTimeout: 1, handshakes: 1 })
    const error = await Effect.runPromise(Effect.scoped(Effect.flip(binding)))
    expect(error).toMatchObject({ _tag: "BindError", reason: "InvalidOptions", cause: { option: "port" } })
  })

  it("whose options are undefined is the default", async () => {
    const options: ListenOptions = {
      port: undefined,
      host: undefined,
      backlog: undefined,
      ipv6Only: undefined,
      reusePort: undefined,
      path: undefined,
      mode: undefined,
      fd: undefined
    }
    await withServer(hello, { listener: listen(options) }, async ({ ask }) => {
      expect((await ask(get("/"))).status).toBe(200)
    })
  })
})

it("a handshake without a deadline", async () => {
  const listener = wrapTls(
    listen({ path: path.join(os.tmpdir(), `tsgi-${process.pid}.sock`) }),
    await makeCertificate("localhost")
  )
  await withServer(hello, { listener, timeouts: { handshake: Infinity } }, async ({ connectTls }) => {
    const client = await connectTls()
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
  })
})

// One checker judges every table of options, so all behave in the same way: an unknown name is refused with the nearest known
// one, an invalid value with what it must be, and `undefined` counts as absent.
describe("every table of options", () => {
  const memory = MemoryListener.make()
  const tables: ReadonlyArray<readonly [name: string, table: OptionTable, give: (options: object) => unknown]> = [
    ["of the engine", ServerConfig.table, (options) => ServerConfig.make(options)],
    ["of the plain door", Options.table, (options) => Options.read(options)],
    ["of the Effect door's apps", EffectOptions.door, (options) => EffectOptions.check(options)],
    ["of the Effect door", EffectOptions.table, (options) => EffectOptions.split(options)],
    ["of a listener", listenerTable, (options) => checkListener(options)],
    ["of TLS", tlsTable, (options) => checkTls(options)],
    ["of a stop", stopTable, (options) => stopOptions(options)],
    ["of a post hook", hookTable, (options) => checkHookOptions(options)],
    ["of a listener in memory", connectionTable, (options) => MemoryListener.make(options)],
    ["of a connection in memory", connectionTable, (options) => checkedConnect(options)]
  ]
  const checkedConnect = (options: object) => {
    try {
      return memory.connect(options)
    } catch (error) {
      // the options are valid, and no server listens
      if (error instanceof OptionError) throw error
    }
  }
  const bound: ReadonlyArray<string> = Object.keys(listenerTable)

  describe.each(tables)("%s", (name, table, give) => {
    it("takes undefined for not given", () => {
      expect(() => give(Object.fromEntries(namesOf(table).map((option) => [option, undefined])))).not.toThrow()
    })

    it("refuses what is no object", () => {
      for (const given of [5, "text", null, [], true]) {
        expect(() => give(given as never)).toThrow(
          /^(options|tls): (must be an object|give the options)/
        )
      }
    })

    it("suggests the nearest name, and lists all", () => {
      for (const option of namesOf(table)) {
        const error = thrownBy(() => give({ [`${option}x`]: 1 }))
        expect(error.option).toBe(`${option}x`)
        expect(error.description).toMatch(
          new RegExp(`^[\\w ]+ no such option; did you mean (\\w+\\.)?${option}\\? Known options are .*\\b${option}\\b`)
        )
      }
    })

    it("says what a value must be", () => {
      for (const option of namesOf(table)) {
        // a path in place of the contents of a file has its own message
        if (table[option].expected === "anything" || table[option].explain !== undefined) continue
        if (name === "of the Effect door" && bound.includes(option)) continue
        const error = thrownBy(() => give({ [option]: Symbol.iterator }))
        expect(error.option).toBe(option)
        expect(error.description).toMatch(/^must be .*; it is /)
      }
    })

    it("judges the options within a group", () => {
      for (const option of namesOf(table)) {
        const within = table[option].group
        for (const inner of within === undefined ? [] : namesOf(within)) {
          expect(thrownBy(() => give({ [option]: { [`${inner}x`]: 1 } })).description)
            .toContain(`there is no such option; did you mean ${option}.${inner}?`)
          expect(thrownBy(() => give({ [option]: { [inner]: Symbol.iterator } })).message)
            .toContain(`${option}.${inner}: must be `)
        }
      }
    })
  })

  it("of the Effect door's post hooks: the handler dies with what is wrong", async () => {
    const app = Posthooks.add(() => Effect.void, { detatched: true } as never).pipe(
      Effect.catchAllDefect((defect) => Effect.succeed(String(defect))),
      Effect.map((told) => HttpServerResponse.text(String(told)))
    )
    const body = HttpClient.get("/").pipe(
      Effect.flatMap((response) => response.text),
      Effect.provide(Layer.provideMerge(HttpServer.serve(app), TsgiHttpServer.layerTest))
    )
    expect(await Effect.runPromise(Effect.scoped(body))).toMatch(
      /detatched: there is no such option; did you mean detached\?/
    )
  })
})
