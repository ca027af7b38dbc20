/**
 * SECURITY.md agrees with the code: its tables with the defaults, its promises with the tests that it names, its facts with
 * answers.
 */
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { assert, it as effectIt } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { type App, fetchApp, server } from "tsgi"
import { MemoryListener, TsgiHttpServer } from "tsgi/effect"
import { MemoryListener as Memory } from "tsgi/testing"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import * as Options from "../../src/platform/Options.js"
import * as Upgrade from "../../src/platform/Upgrade.js"
import * as FormLimits from "../../src/server/FormLimits.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import * as PlainOptions from "../../src/wsgi/Options.js"
import { defaultsOf, tableOf, texts } from "../utils/markdown.js"
import { get } from "../utils/requests.js"

const root = path.resolve(import.meta.dirname, "../..")
const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")
const security = read("SECURITY.md")
const table = (heading: string) => tableOf(security, heading)

/** The tests and groups of tests in a file by their titles, and whether each always runs with the suite. */
const testsOf = (source: string): ReadonlyMap<string, boolean> => {
  const found = new Map<string, boolean>()
  const visit = (node: ts.Node, runs: boolean): void => {
    let here = runs
    if (ts.isCallExpression(node)) {
      const [title] = node.arguments
      const [, kind, how] = /^(it|test|effectIt|describe)\b([.\w]*)/.exec(node.expression.getText()) ?? []
      if (kind !== undefined && ts.isStringLiteralLike(title)) {
        here &&= !/\.(skip|todo|fails|runIf)/.test(how)
        found.set(title.text, here)
      }
    }
    ts.forEachChild(node, (child) => visit(child, here))
  }
  visit(ts.createSourceFile("test.ts", source, ts.ScriptTarget.ES2022, true), true)
  return found
}

/** An option's own defaults, by the names that a table gives them: `websocket.idle`. */
const defaultsIn = (group: string, options: object): Record<string, string> =>
  Object.fromEntries(
    Object.entries(options).map(([name, { defaultValue }]: [string, { readonly defaultValue: unknown }]) => [
      `${group}.${name}`,
      String(defaultValue)
    ])
  )

describe("every option is told, with its default", () => {
  const { limits, parser, rates, timeouts } = ServerConfig.defaults

  it.each(
    Object.entries({ Limits: limits, Timeouts: timeouts, Rates: rates, Leniency: parser, Forms: FormLimits.make() })
  )(
    "%s",
    (heading, defaults) => expect(defaultsOf(table(heading))).toEqual(texts(defaults))
  )

  it("and there is no other group", () => {
    const groups = Object.entries(PlainOptions.table).flatMap(([name, { group }]) => group === undefined ? [] : [name])
    expect(groups).toEqual(["limits", "timeouts", "rates", "parser", "forms"])
    expect(Object.keys(ServerConfig.groups)).toEqual(groups.slice(0, -1))
  })

  it("and where those of the Effect door are others", () => {
    const others = table("Limits").flatMap(([name, , bounds]) => {
      const [, value] = /; at the Effect door (\d+)$/.exec(bounds) ?? []
      return value === undefined ? [] : [[name, value]]
    })
    expect(Object.fromEntries(others)).toEqual(texts(TsgiHttpServer.defaults.limits))
  })

  it("and those of its own", () => {
    const { forms, websocket, ...single } = Options.door
    expect(forms.group).toBe(FormLimits.table)
    expect(websocket.group).toBe(Upgrade.table)
    const readme = defaultsOf(tableOf(read("src/platform/README.md"), "Options of TsgiHttpServer"))
    expect(defaultsOf(table("Options of the Effect door"))).toEqual({
      ...Object.fromEntries(Object.keys(single).map((name) => [name, readme[name]])),
      ...defaultsIn("websocket", Upgrade.table)
    })
  })
})

describe("every promise has its test", () => {
  it.each(table("Promises"))("%s", (_, where) => {
    const [, file, titles = ""] = /^\[(.*?)\]\(\1\): "(.*)"$/.exec(where) ?? []
    const tests = testsOf(read(file))
    for (const title of titles.split("\", \"")) expect(tests.get(title), title).toBe(true)
  })

  it("and one that is skipped is none", () => {
    const tests = testsOf(`
      it("a", f)
      it.scoped("b", f)
      describe.each([1])("c", () => { it.live("d", f) })
      describe.skipIf(true)("e", () => { it("f", f) })
      it.skip("g", f)
      it.todo("h")
      noted("i", f)
    `)
    expect([...tests]).toEqual(
      ["a", "b", "c", "d"].map((title) => [title, true]).concat(
        ["e", "f", "g", "h"].map((title) => [title, false])
      )
    )
  })
})

describe("paths are decoded and not normalized", () => {
  // the table writes `/a`, NUL, `b`
  const rows = table("Paths").map((row) => row.map((cell) => cell.replace(", NUL, ", "\0")))

  it.each(rows)("%s in plain TypeScript", async (target, pathInfo, _, url) => {
    const plain: App = (env, startResponse) => {
      startResponse("200 OK", [])
      return Buffer.from(env.PATH_INFO, "latin1")
    }
    const web = fetchApp((request) => new Response(new URL(request.url).pathname))
    for (const [app, expected] of [[plain, pathInfo], [web, url]] as const) {
      const memory = Memory.make()
      await using running = server(memory.listener, app, { logOutput: false })
      await running.ready
      const client = memory.connect()
      client.send(get(target))
      expect((await client.response()).body.toString()).toBe(expected)
      client.close()
    }
  })

  const asked = Effect.gen(function*() {
    const parameters = yield* HttpRouter.params
    const request = yield* HttpServerRequest.HttpServerRequest
    return HttpServerResponse.unsafeJson({
      parameter: parameters.name ?? parameters["*"],
      url: Option.getOrUndefined(HttpServerRequest.toURL(request))?.href,
      names: Object.keys(request.headers)
    })
  })
  const app = HttpRouter.empty.pipe(HttpRouter.get("/:name", asked), HttpRouter.get("*", asked))
  const Served = HttpServer.serve(app).pipe(
    Layer.provide(TsgiHttpServer.layerWith()),
    Layer.provide(TsgiHttpServer.layerServices),
    Layer.provideMerge(MemoryListener.layer())
  )
  const ask = (target: string, fields = "") =>
    Effect.gen(function*() {
      const { connect } = yield* MemoryListener.MemoryListener
      const client = yield* connect()
      client.send(`GET ${target} HTTP/1.1\r\nHost: a\r\n${fields}\r\n`)
      const { body } = yield* Effect.promise(() => client.response())
      return JSON.parse(body.toString()) as Record<string, unknown>
    })

  for (const [target, , parameter, url] of rows) {
    effectIt.scoped(`${target} at the Effect door`, () =>
      Effect.gen(function*() {
        const told = yield* ask(target)
        // a wildcard has the whole path
        assert.include([parameter, parameter.replace(/^(?!\/)/, "/")], told.parameter)
        assert.strictEqual(told.url, `http://a${url}`)
      }).pipe(Effect.provide(Served)))
  }

  for (
    const [target, url] of [["//evil.example/x?a=1", "//evil.example/x?a=1"], ["/\\evil.example", "//evil.example"], [
      "//",
      "//"
    ]]
  ) {
    effectIt.scoped(`${target} names no host to toURL`, () =>
      Effect.gen(function*() {
        assert.strictEqual((yield* ask(target)).url, `http://a${url}`)
      }).pipe(Effect.provide(Served)))
  }

  effectIt.scoped(
    "field names with an underscore are there",
    () =>
      Effect.gen(function*() {
        const told = yield* ask("/", "X_Real_IP: 1.2.3.4\r\n")
        assert.include(told.names, "x_real_ip")
      }).pipe(Effect.provide(Served))
  )
})
