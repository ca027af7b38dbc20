/**
 * The README and the pages behind it agree with the sources: their programs are compiled, and those of the first page run, their
 * tables are compared with declarations, and their links are followed. The examples in the comments of the sources are compiled
 * too.
 */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type Environ, listen, server } from "tsgi"
import * as tsgiEffect from "tsgi/effect"
import { TsgiHttpServer } from "tsgi/effect"
import { failureStatuses } from "tsgi/protocol"
import { MemoryListener } from "tsgi/testing"
import type ts from "typescript"
import { beforeAll, describe, expect, it } from "vitest"
import * as TrustedProxies from "../../src/node/TrustedProxies.js"
import * as Upgrade from "../../src/platform/Upgrade.js"
import { compile as compileFormat } from "../../src/server/AccessLogFormat.js"
import * as FormLimits from "../../src/server/FormLimits.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import * as Options from "../../src/wsgi/Options.js"
import { rows as peers } from "../platform/peers.js"
import { anchorOf, anchorsOf, blocksOf, defaultsOf, linksOf, tableOf, texts } from "../utils/markdown.js"
import { get } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"
import { compileAll, errorsOf, virtual } from "../utils/typing.js"
import { blocks, documents, doWhatIsShown, pages, security } from "./pages.js"

const root = path.resolve(import.meta.dirname, "../..")
const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")

const readme = pages["README.md"]
const all = Object.values(pages).join("\n\n")

/** A table under a heading that one page has. */
const table = (heading: string, skip = 0) => {
  const having = Object.values(pages).filter((page) => anchorsOf(page).includes(anchorOf(heading)))
  expect(having.length, heading).toBe(1)
  return tableOf(having[0], heading, skip)
}

/** The names in the first cells, which may list several. */
const names = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
  rows.flatMap(([cell]) => cell.split(", ")).sort()

// ---------------------------------------------------------------------------------------------------------------------
// what the sources declare

const facts = `
import type * as Layer from "effect/Layer"
import type * as tsgi from "tsgi"
import type { TsgiHttpServer } from "tsgi/effect"
export declare const facts: {
  BindError: tsgi.BindError["reason"]
  TransportError: tsgi.TransportError["reason"]
  RequestError: tsgi.RequestError["reason"]
  BodyError: tsgi.BodyError["reason"]
  ResponseError: tsgi.ResponseError["reason"]
  WriteError: tsgi.WriteError["reason"]
  InterimError: tsgi.InterimError["reason"]
  AbortReason: tsgi.AbortReason
  Outcome: tsgi.Outcome["_tag"]
  OutcomeFacts: tsgi.Sent
  StopReport: tsgi.StopReport
  Environ: tsgi.Environ
  Input: tsgi.Input
  TlsInfo: tsgi.TlsInfo
  ListenOptions: tsgi.ListenOptions
  ServerOptions: tsgi.ServerOptions
  HttpServerOptions: TsgiHttpServer.Options
  DoorOptions: TsgiHttpServer.DoorOptions
  WebSocketOptions: NonNullable<TsgiHttpServer.DoorOptions["websocket"]>
  FormOptions: NonNullable<TsgiHttpServer.DoorOptions["forms"]>
  Services: Layer.Layer.Context<ReturnType<typeof TsgiHttpServer.layerWith>>
}
`

/** Examples in comments, each a file beside the sources. */
const commentExamples = (): Record<string, string> => {
  const found: Record<string, string> = {}
  for (const file of fs.readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue
    const source = fs.readFileSync(path.join(root, "src", file), "utf8")
    for (const match of source.matchAll(/^ *\* ```ts\n([^]*?)^ *\* ```$/gm)) {
      const name = `${file.replaceAll(path.sep, "-")}-${source.slice(0, match.index).split("\n").length}.ts`
      found[name] = match[1].replaceAll(/^ *\* ?/gm, "")
    }
  }
  return found
}

let declared: (name: string) => ts.Type
/** The description of an option, as an editor shows it. */
let said: (name: string, option: string) => string

beforeAll(async () => {
  const program = await compileAll({ "facts.ts": facts })
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(virtual("facts.ts"))
  const module = source && checker.getSymbolAtLocation(source)
  const [symbol] = module === undefined ? [] : checker.getExportsOfModule(module)
  const all = checker.getTypeOfSymbol(symbol)
  declared = (name) => {
    const property = all.getProperty(name)
    if (property === undefined) throw new Error(`no fact ${name}`)
    return checker.getTypeOfSymbol(property)
  }
  said = (name, option) =>
    (declared(name).getProperty(option)?.getDocumentationComment(checker) ?? []).map(({ text }) => text).join("")
})

/** The names of the classes in a union. */
const members = (name: string): ReadonlyArray<string> => {
  const type = declared(name)
  return (type.isUnion() ? type.types : [type]).map(({ symbol }) => symbol.name).sort()
}

const literals = (name: string): ReadonlyArray<string> => {
  const type = declared(name)
  const members = type.isUnion() ? type.types : [type]
  return members.map((member) => member.isStringLiteral() ? member.value : "?").sort()
}

const properties = (name: string): ReadonlyArray<string> =>
  declared(name).getProperties()
    .filter((property) => !/^(__|#)/.test(property.name))
    .map((property) => property.name)
    .sort()

/** Options that `tsc --init` sets beside `strict`, and this project does not. */
const asInitSets = { noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true, verbatimModuleSyntax: true }

describe("the programs", () => {
  it("are well typed, as are those in the sources' comments", { timeout: 60_000 }, async () => {
    const shown = [...blocks, ...blocksOf(security)].filter(({ language }) => language === "ts")
    const programs = {
      ...Object.fromEntries(shown.map(({ text }, i) => [`block-${i + 1}.ts`, text])),
      ...commentExamples()
    }
    const names = Object.keys(programs)
    expect(names.length).toBeGreaterThan(10)
    expect(names.flatMap(await errorsOf(programs, asInitSets))).toEqual([])
  })

  it("that is a test is one of ours", () => {
    const ours = fs.readFileSync(path.join(root, "test/testing/EffectTesting.test.ts"), "utf8")
    const tests = blocks.filter(({ text }) => text.includes("it.scoped("))
    expect(tests.length).toBe(1)
    for (const { text } of tests) expect(ours).toContain(text)
  })

  // the others are in Readme.long.test.ts
  doWhatIsShown(({ file }) => file === "README.md")
})

// ---------------------------------------------------------------------------------------------------------------------

/** Checks the bounds that a row of options gives for forms. */
const boundsOfForms = (rows: ReadonlyArray<ReadonlyArray<string>>): void => {
  const forms = rows.find(([name]) => name === "forms")?.at(-1) ?? ""
  for (const [name, { defaultValue }] of Object.entries(FormLimits.table)) {
    const [, most] = new RegExp(`${name} [^.]*?\\(default (\\w+)\\)`).exec(forms) ?? []
    expect(String(defaultValue), name).toBe(most)
  }
}

describe("the tables", () => {
  it("environ", () => {
    expect(names(table("environ")).filter((name) => name !== "HTTP_*")).toEqual(properties("Environ"))
    const tls = table("environ").find(([name]) => name === "tsgi.tls")?.[1].replace("with TLS: ", "").split(", ")
    expect(tls?.sort()).toEqual(properties("TlsInfo"))
  })

  it("environ, on a unix socket", async () => {
    const socket = path.join(os.tmpdir(), `tsgi-readme-${process.pid}.sock`)
    const seen: Array<Environ> = []
    const running = server(listen({ path: socket }), (env, startResponse) => {
      seen.push(env)
      startResponse("204 No Content", [])
      return ""
    }, { logOutput: false })
    await using client = await connect(await running.ready)
    client.send(get())
    await client.response()
    for (const names of [["SERVER_NAME", "SERVER_PORT"], ["REMOTE_ADDR", "REMOTE_PORT"]]) {
      const row = table("environ").find(([cell]) => cell === names.join(", "))
      const [, name] = /; (\S+) and empty port for unix sockets$/.exec(row?.[1] ?? "") ?? []
      expect(names.map((key): unknown => Reflect.get(seen[0], key))).toEqual([name, ""])
    }
    await running.stop({ grace: 0 })
  })

  it("wsgi.input", () => {
    const members = table("wsgi.input").map(([name]) => name.replace(/\(.*\)$/, ""))
    expect(members.filter((name) => !name.startsWith("for await")).sort()).toEqual(properties("Input"))
  })

  it("listeners", () => {
    expect(names(table("Listeners"))).toEqual(properties("ListenOptions"))
  })

  it("options", () => {
    const rows = table("Options")
    expect(names(rows)).toEqual(properties("ServerOptions"))
    const { config, format, minimumChunkSize } = Options.read({})
    const defaults = defaultsOf(rows)
    expect(defaults).toMatchObject(texts({
      maxSize: config.limits.connections,
      maxHttpVersion: `"HTTP/1.${config.maxMinorVersion}"`,
      minimumChunkSize,
      keepalive: config.keepAlive,
      logOutput: format !== undefined,
      urlLengthLimit: config.limits.requestLine,
      debug: config.debug,
      capitalizeResponseHeaders: config.fieldCase === "title",
      halfClose: `"${config.halfClose}"`,
      multiPhaseBody: config.multiPhaseBody
    }))
    boundsOfForms(rows)
    expect(defaults.socketTimeout).toBe("none")
    expect(Options.read({ socketTimeout: 2 }).config.timeouts)
      .toEqual({
        ...ServerConfig.defaults.timeouts,
        head: 2000,
        body: 2000,
        write: 2000,
        firstRequest: 2000,
        idle: 2000
      })
  })

  it("options of TsgiHttpServer", () => {
    const rows = table("Options of TsgiHttpServer")
    expect(names(rows)).toEqual(properties("HttpServerOptions"))
    expect(rows.slice(0, 4).map(([name]) => name).sort()).toEqual(properties("DoorOptions"))
    const { halfClose, fieldCase, ...config } = { ...ServerConfig.defaults, ...TsgiHttpServer.defaults }
    const defaults = defaultsOf(rows)
    expect(defaults).toMatchObject(texts({
      halfClose: `"${halfClose}"`,
      fieldCase: `"${fieldCase}"`,
      keepAlive: config.keepAlive,
      keepAliveSeconds: config.keepAliveSeconds ?? "",
      maxMinorVersion: config.maxMinorVersion,
      multiPhaseBody: config.multiPhaseBody,
      debug: config.debug
    }))
    const source = (file: string) => fs.readFileSync(path.join(root, "src/platform", file), "utf8").replaceAll("_", "")
    expect(source("ServedApp.ts")).toContain(`interruptOnDisconnect ?? ${defaults.interruptOnDisconnect}`)
    const [, , websocket] = rows.find(([name]) => name === "websocket") ?? []
    for (const name of properties("WebSocketOptions")) expect(websocket).toContain(name)
    const [, maxPayload] = /maxPayload \(default (\d+)\)/.exec(websocket) ?? []
    expect(String(Upgrade.table.maxPayload.defaultValue)).toBe(maxPayload)
    expect(Object.keys(FormLimits.table).sort()).toEqual(properties("FormOptions"))
    boundsOfForms(rows)
  })

  it("names of TsgiHttpServer, InterimResponses and the services", () => {
    const effect: Readonly<Record<string, object>> = { ...tsgiEffect, MemoryListener }
    const rows = table("Services")
    expect(names(rows)).toEqual([...members("Services"), "ServerConfig"].sort())
    // the walks in the engine's own page name methods of its classes, which Walks.test.ts checks
    const { "src/README.md": _engine, ...usersPages } = pages
    const named = [...Object.values(usersPages).join("\n\n").matchAll(/`(\w+)\.(\w+)(?:\([^`]*\))?`/g)]
      .filter(([, module]) => module in effect)
    expect(named.length).toBeGreaterThan(20)
    expect(named.filter(([, module, name]) => !(name in effect[module])).map(([text]) => text)).toEqual([])
    const { defaults: _, ...rest } = TsgiHttpServer
    expect(Object.keys(rest).filter((name) => !all.includes(`TsgiHttpServer.${name}`))).toEqual([])
  })

  it("a port without a host is said to be on all addresses where the option is", () => {
    expect(said("HttpServerOptions", "host")).toContain("Default: all addresses of the machine")
  })

  it("metrics", () => {
    const source = fs.readFileSync(path.join(root, "src/server/Metrics.ts"), "utf8")
    const metrics = [...source.matchAll(/Metric\.(\w+)\(\s*"(\w+)"/g)].map(([, kind, name]) => `${name} ${kind}`)
    expect(table("Metrics").map(([name, kind]) => `${name} ${kind}`).sort()).toEqual(metrics.sort())
  })

  it("NodeHttpServer and tsgi: what the test beside it sees", () => {
    const { version } = JSON.parse(
      fs.readFileSync(path.join(root, "node_modules/@effect/platform-node/package.json"), "utf8")
    ) as { readonly version: string }
    expect(all).toContain(`@effect/platform-node ${version}`)
    expect(table("Coming from NodeHttpServer")).toEqual(
      peers.map(({ NodeHttpServer, tsgi, what }) =>
        [what, NodeHttpServer, tsgi].map((cell) => cell.replaceAll("`", ""))
      )
    )
  })

  it("limits", () => {
    const rows = table("Limits")
    expect(defaultsOf(rows)).toEqual(texts(ServerConfig.defaults.limits))
    const answers = {
      requestLine: "RequestLineTooLong",
      fieldLine: "FieldLineTooLong",
      fieldSection: "FieldSectionTooLarge",
      fieldCount: "TooManyFields",
      chunkExtensions: "ChunkExtensionsTooLong",
      body: "BodyTooLarge"
    } as const
    for (const [limit, reason] of Object.entries(answers)) {
      const row = rows.find(([name]) => name === limit)
      expect(row?.[3].split(";")[0], limit).toBe(String(failureStatuses[reason]))
    }
  })

  it("rates", () => {
    expect(defaultsOf(table("Rates"))).toEqual(texts(ServerConfig.defaults.rates))
  })

  it("timeouts", () => {
    expect(defaultsOf(table("Timeouts"))).toEqual(texts(ServerConfig.defaults.timeouts))
  })

  it("parser", () => {
    expect(defaultsOf(table("Parser"))).toEqual(texts(ServerConfig.defaults.parser))
  })

  it("log format", () => {
    let known: ReadonlyArray<string> = []
    try {
      compileFormat("%(none)s", { forwardedFor: false, trustedProxies: TrustedProxies.make([]) })
    } catch (error) {
      if (error instanceof Error) known = error.message.replace(/^.*known fields are /, "").split(", ").sort()
    }
    expect(names(table("Log format"))).toEqual(known)
  })

  it("outcome", () => {
    const rows = table("Outcome")
    expect(names(rows)).toEqual(literals("Outcome"))
    const aborted = rows.find(([tag]) => tag === "Aborted")?.[1] ?? ""
    expect(literals("AbortReason").filter((reason) => !aborted.includes(reason))).toEqual([])
    const section = all.slice(all.indexOf("\n### Outcome\n"), all.indexOf("\n### Errors\n"))
    expect(properties("OutcomeFacts").filter((name) => !section.includes(`\`${name}\``))).toEqual([])
  })

  it("options: the first thirteen are eventlet's", () => {
    const row = tableOf(pages["src/wsgi/MIGRATING.md"], "Coming from eventlet").find(([cell]) =>
      cell.startsWith("log, environ,")
    )
    const camel = (name: string): string => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    expect(table("Options").slice(0, 13).map(([name]) => name)).toEqual(row?.[0].split(", ").map(camel))
  })

  it("errors", () => {
    for (const [name, , reasons] of table("Errors")) {
      if (name === "OptionError") continue
      expect(reasons.split(", ").sort(), name).toEqual(literals(name))
    }
  })

  it("the report of a stop", () => {
    const [, shown] = /console\.log\(report\) \/\/ \{(.*)\}/.exec(all) ?? []
    expect(shown.split(",").map((part) => part.split(":")[0].trim()).sort()).toEqual(properties("StopReport"))
  })

  it("dependencies", () => {
    const { dependencies = {}, peerDependencies } = JSON.parse(
      fs.readFileSync(path.join(root, "package.json"), "utf8")
    ) as Record<string, Record<string, string>>
    const named = table("Dependencies").flatMap(([cell]) => cell.replaceAll(/ \(.*?\)/g, "").split(", ")).sort()
    const [, built] =
      /const carried = \{([^}]*)\}/.exec(fs.readFileSync(path.join(root, "scripts/build.js"), "utf8")) ??
        []
    const carried = [...built.matchAll(/"(.*?)"/g)].map(([, name]) => name)
    const all = new Set([...Object.keys(dependencies), ...Object.keys(peerDependencies), ...carried])
    expect(named).toEqual([...all].sort())
  })
})

describe("the pages", () => {
  it("are behind a README that somebody reads", () => {
    expect(readme.split("\n").length).toBeLessThanOrEqual(260)
    const linked = new Set(linksOf(readme).map((target) => target.split("#")[0]))
    expect(Object.keys(documents).filter((file) => file !== "README.md" && !linked.has(file))).toEqual([])
  })

  it("name the oldest compilers that the types are tried with", () => {
    const [, plain, effect] =
      /const compilers = \["typescript@(\S+)", "typescript@(\S+)", /.exec(read("scripts/runtimes.js")) ?? []
    expect(readme.replaceAll(/\n */g, " ")).toContain(
      `from TypeScript ${plain} on, those of the Effect door from ${effect}.`
    )
  })

  it("have a row for each example, with a command that its first comment has", () => {
    const rows = [...table("Programs in plain TypeScript"), ...table("Programs in Effect")]
    const files = fs.readdirSync(path.join(root, "examples"), { recursive: true, encoding: "utf8" })
      .map((file) => file.replaceAll(path.sep, "/"))
      .filter((file) => /^(?:effect\/)?[\w-]+\.ts$/.test(file) && !file.endsWith("serve.ts"))
    expect(rows.map(([cell]) => /\]\((.*)\)/.exec(cell)?.[1]).sort()).toEqual(files.sort())
    for (const [cell, , start, command] of rows) {
      const source = read(`examples/${/\]\((.*)\)/.exec(cell)?.[1]}`)
      const comment = source.slice(0, source.indexOf("*/"))
      expect(comment).toContain(start)
      expect(comment).toContain(command.replaceAll("\\|", "|"))
    }
  })
})

describe("the links", () => {
  const targets = Object.entries(documents).flatMap(([file, text]) =>
    linksOf(text).filter((target) => !/^https?:/.test(target)).map((target) => {
      const [to, anchor] = target.split("#")
      return [file, to === "" ? file : path.posix.join(path.posix.dirname(file), to), anchor] as const
    })
  )

  it("to files lead to files", () => {
    expect(targets.filter(([, to]) => !fs.existsSync(path.join(root, to)))).toEqual([])
  })

  it("to headings lead to headings", () => {
    const dead = targets.filter(([, to, anchor]) =>
      anchor !== undefined && !anchorsOf(to in documents ? documents[to] : read(to)).includes(`#${anchor}`)
    )
    expect(dead).toEqual([])
  })

  // npm cannot resolve them, because package.json names no repository
  it("of the first page, which npm shows, say in their texts which file of the package is meant", () => {
    const manifest = JSON.parse(read("package.json")) as Readonly<Record<string, unknown>>
    expect(["repository", "homepage", "bugs"].filter((name) => name in manifest)).toEqual([])
    const unnamed = [...readme.replaceAll(/^```[^]*?^```$/gm, "").matchAll(/(!?)\[([^\]]*)\]\((?!https?:|#)([^)#]+)/g)]
      .filter(([, picture, text, file]) => picture === "" ? text !== file : text.length < 80)
      .map(([link]) => link)
    expect(unnamed).toEqual([])
  })

  it("lead to what is in the package", () => {
    const { files } = JSON.parse(read("package.json")) as { readonly files: ReadonlyArray<string> }
    const names = files.map((name) => name.replace(/^\//, ""))
    const shipped = (to: string): boolean => names.some((name) => to === name || to.startsWith(`${name}/`))
    // SECURITY.md links the tests that prove its promises, which are in the repository
    expect(targets.filter(([from, to]) => from !== "SECURITY.md" && !shipped(to))).toEqual([])
  })
})
