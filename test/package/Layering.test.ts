/**
 * The architecture as a test: a file in `src` imports its own folder or a lower layer, never a higher one,
 * never a sibling folder on the same level. Type imports count.
 */
import * as fs from "node:fs"
import { isBuiltin } from "node:module"
import * as path from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"

const layers: Record<string, number> = {
  protocol: 0,
  exchange: 1,
  transport: 2,
  http1: 3,
  http2: 3,
  server: 4,
  node: 5,
  testing: 5,
  wsgi: 6,
  platform: 6,
  cli: 7
}
/** Each has a folder, and no folder imports that of another: HTTP/2 is to come. */
const protocols = ["http1", "http2"]
/** The layers of the wire and of the exchange, which must not depend on a major version of Effect. */
const effectless = ["exchange", "transport", ...protocols]
const entries = [
  "src/index.ts",
  "src/testing.ts",
  "src/effect.ts",
  "src/cluster.ts",
  "src/checked.ts",
  "src/required.ts",
  "src/checkedCluster.ts",
  "src/requiredCluster.ts"
]
const top = "(entry)"

type Sources = Record<string, string>

/**
 * All modules that a source imports, in any form, with `undefined` for a computed name; those that it imports for more than their
 * types; and whether it names `console`.
 */
const scan = (file: string, text: string) => {
  const imports: Array<string | undefined> = []
  const values: Array<string> = []
  let console = false
  const add = (node: ts.Node | undefined) =>
    imports.push(node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined)
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) {
      add(node.moduleSpecifier)
      if (node.importClause?.isTypeOnly !== true) values.push(nameOf(node.moduleSpecifier))
    } else if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
      add(node.moduleSpecifier)
      if (!node.isTypeOnly) values.push(nameOf(node.moduleSpecifier))
    } else if (ts.isImportTypeNode(node)) add(ts.isLiteralTypeNode(node.argument) ? node.argument.literal : undefined)
    else if (ts.isExternalModuleReference(node)) add(node.expression)
    else if (ts.isCallExpression(node) && /^(import|require)$/.test(node.expression.getText())) add(node.arguments[0])
    else if (ts.isIdentifier(node) && node.text === "console") console = true
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true))
  return { imports, values, console }
}

const nameOf = (node: ts.Expression): string => ts.isStringLiteralLike(node) ? node.text : ""

/** The folder of a file if that is a layer, `(entry)` for an entry file, and `undefined` for any other file. */
const folderOf = (file: string) => {
  const [, folder, rest] = file.split("/")
  return entries.includes(file) ? top : rest !== undefined && folder in layers ? folder : undefined
}

const within = (name: string, packageName: string) => name === packageName || name.startsWith(`${packageName}/`)
// the command too, which serves apps of either door
const mayUsePlatform = ["platform", "cli"]
const workersOwn = ["src/cli/work.ts", "src/cli/plainDoor.ts"]
// only users of these have @effect/cluster
const clusters = [
  "src/platform/TsgiClusterHttp.ts",
  "src/cluster.ts",
  "src/checkedCluster.ts",
  "src/requiredCluster.ts"
]
const isCluster = (name: string) => ["@effect/cluster", "@effect/rpc", "@effect/sql"].some((_) => within(name, _))
// these are the classes behind the interfaces of an exchange, a peer and a body; with them a door could end an exchange
const engines = ["ServedExchange", "AcceptedPeer", "ReceivedBody"].map((name) => `src/exchange/${name}.ts`)
const doors = ["wsgi", "platform"]
// of what is above the protocols, these alone name one: they make sessions, and have its settings and its service
const namesProtocols = ["src/server/sessionFor.ts", "src/server/Config.ts", "src/server/RequestParser.ts"]
const readsHttp1 = ["src/protocol/h1/", "src/protocol/index.ts", "src/http1/", "src/server/RequestParser.ts"]
const isPlatform = (name: string) => ["@effect/platform", "@effect/platform-node"].some((_) => within(name, _))

const violations = (sources: Sources): ReadonlyArray<string> => {
  const found: Array<string> = []
  const edges = new Map<string, Array<string>>()
  const usesPlatform = new Set<string>()
  for (const [file, text] of Object.entries(sources)) {
    const folder = folderOf(file)
    // `bodyLength` and `hasBody` of the exchange decide once whether a request has a body, and how long it is
    if (doors.includes(folder ?? "")) {
      for (
        const [read] of text.matchAll(
          /(?:HTTP_TRANSFER_ENCODING|\bCONTENT_LENGTH) (?:[!=]==|\?)|"Transfer-Encoding"\)/gi
        )
      ) {
        found.push(`${file}: framing in a door: ${read}`)
      }
    }
    const { console, imports, values } = scan(file, text)
    const report = (what: string) => found.push(`${file}: ${what}`)
    const targets: Array<string> = []
    edges.set(file, targets)
    if (folder === undefined) report("in no layer")
    if (console) report("console")
    for (const name of effectless.includes(folder ?? "") ? values : []) {
      if (within(name, "effect")) report(`Effect value in ${folder}: ${name}`)
    }
    for (const name of imports) {
      if (name === undefined) {
        // these import the user's app, and what must be imported before it
        if (!["src/cli/loadApp.ts", "src/cli/workHere.ts"].includes(file)) report("computed import")
      } else if (name.startsWith(".")) {
        const target = path.posix.join(path.posix.dirname(file), name.replace(/\.js$/, ".ts"))
        const other = folderOf(target)
        if (!(target in sources) || !name.endsWith(".js")) report(`no such source: ${name}`)
        else targets.push(target)
        if (clusters.includes(target) && !clusters.includes(file)) report(`cluster: ${name}`)
        // the seam and all above it serve any version of HTTP
        if (target.startsWith("src/protocol/h1/") && !readsHttp1.some((_) => file.startsWith(_))) {
          report(`HTTP/1: ${name}`)
        }
        if (engines.includes(target) && !effectless.includes(folder ?? "")) report(`engine's own: ${name}`)
        if (folder === undefined || other === undefined || folder === other) continue
        const [from, to] = [layers[folder] ?? Infinity, layers[other] ?? Infinity]
        // a worker loads `tsgi` as users do
        if (workersOwn.includes(file) && ["src/index.ts", "src/testing.ts"].includes(target)) continue
        if (protocols.includes(other) && to < from && !namesProtocols.includes(file)) report(`a protocol: ${name}`)
        if (to > from) report(`higher layer: ${name}`)
        if (to === from) report(`sibling folder: ${name}`)
      } else {
        const bare = name.replace(/^node:/, "")
        if (folder === "protocol" && name !== "node:buffer") report(`in protocol: ${name}`)
        if ([...effectless, "server"].includes(folder ?? "") && isBuiltin(name)) {
          report(`node in ${folder}: ${name}`)
        }
        if (folder !== "node" && ["net", "tls"].includes(bare)) report(`sockets outside node: ${name}`)
        if (isPlatform(name)) usesPlatform.add(file)
        if (folder !== "cli" && bare === "child_process") report(`processes outside cli: ${name}`)
        if (isPlatform(name) && !mayUsePlatform.includes(folder ?? "") && file !== "src/effect.ts") {
          report(`platform: ${name}`)
        }
        if (isCluster(name) && !clusters.includes(file)) report(`cluster: ${name}`)
        if (["effect", "@effect/platform", "@effect/platform-node", "@effect/cluster"].includes(name)) {
          report(`barrel: ${name}`)
        }
        if (within(name, "tsgi")) report(`own package by name: ${name}`)
      }
    }
  }
  const done = new Set<string>()
  const walk = (file: string, trail: ReadonlyArray<string>): void => {
    if (trail.includes(file)) found.push(`cycle: ${[...trail.slice(trail.indexOf(file)), file].join(" -> ")}`)
    if (trail.includes(file) || done.has(file)) return
    for (const target of edges.get(file) ?? []) walk(target, [...trail, file])
    done.add(file)
  }
  for (const file of edges.keys()) walk(file, [])
  const reached = new Set(edges.has("src/index.ts") ? ["src/index.ts"] : [])
  for (const file of reached) for (const target of edges.get(file) ?? []) reached.add(target)
  for (const file of reached) if (usesPlatform.has(file)) found.push(`src/index.ts reaches @effect/platform in ${file}`)
  return found
}

const readSources = (): Sources => {
  const root = path.resolve(import.meta.dirname, "../..")
  const names = fs.readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })
  const files = names.filter((name) => name.endsWith(".ts")).map((name) => `src/${name.split(path.sep).join("/")}`)
  return Object.fromEntries(files.map((file) => [file, fs.readFileSync(path.join(root, file), "utf8")]))
}

it("the sources keep to their layers", () => {
  expect(violations(readSources())).toEqual([])
})

it("a worker loads no Effect before it knows its app", () => {
  const sources = readSources()
  const reached = new Set(["src/cli/worker.ts"])
  const packages = new Set<string>()
  for (const file of reached) {
    for (const { fileName } of ts.preProcessFile(staticOf(sources[file] ?? ""), true, true).importedFiles) {
      if (fileName.startsWith(".")) {
        reached.add(path.posix.join(path.posix.dirname(file), fileName.replace(/\.js$/, ".ts")))
      } else if (!isBuiltin(fileName)) packages.add(`${file}: ${fileName}`)
    }
  }
  expect(reached.size).toBeGreaterThan(3)
  expect([...packages]).toEqual([])
})

/** The parts of a source that run when it is loaded, without types and later imports. */
const staticOf = (text: string): string =>
  ts.transpile(text, { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true })
    .replace(/\bimport\(/g, "later(")

describe("the layering check", () => {
  const house: Sources = {
    "src/protocol/head.ts":
      `import { Buffer } from "node:buffer"\n/** console.log(1) */ export const a = "console.log"`,
    "src/protocol/h1/framing.ts": `import { a } from "../head.js"`,
    "src/exchange/ServedExchange.ts": "",
    "src/exchange/AcceptedPeer.ts": "",
    "src/exchange/ReceivedBody.ts": "",
    "src/transport/Transport.ts": `import type { P } from "../exchange/AcceptedPeer.js"`,
    "src/http1/Wire.ts": `import "../exchange/ServedExchange.js"\nimport "../protocol/h1/framing.js"`,
    "src/http2/Wire.ts": `import "../exchange/ServedExchange.js"\nimport "../transport/Transport.js"`,
    "src/server/Exchange.ts": `import * as Effect from "effect/Effect"`,
    "src/server/sessionFor.ts": `import "../http1/Wire.js"\nimport "../http2/Wire.js"`,
    "src/node/tcp.ts": `import * as net from "node:net"\nimport "../server/Exchange.js"`,
    "src/testing/index.ts": `export * from "../server/Exchange.js"`,
    "src/wsgi/server.ts": `import "../node/tcp.js"\nimport * as fs from "node:fs"`,
    "src/platform/TsgiHttpServer.ts": `import * as HttpServer from "@effect/platform/HttpServer"`,
    "src/platform/TsgiClusterHttp.ts": `import "@effect/cluster/HttpRunner"\nimport "./TsgiHttpServer.js"`,
    "src/cluster.ts": `export * as C from "./platform/TsgiClusterHttp.js"`,
    "src/cli/main.ts": `import "../wsgi/server.js"`,
    "src/index.ts": `export * from "./wsgi/server.js"`,
    "src/effect.ts":
      `export * as T from "./platform/TsgiHttpServer.js"\nexport * as App from "@effect/platform/HttpApp"`
  }
  const check = (extra: Sources) => violations({ ...house, ...extra })

  it("accepts what is allowed", () => {
    expect(check({})).toEqual([])
  })

  it.each<[string, string, string]>([
    ["src/protocol/x.ts", `import "../server/Exchange.js"`, "higher layer: ../server/Exchange.js"],
    ["src/protocol/x.ts", `import type { E } from "../server/Exchange.js"`, "higher layer: ../server/Exchange.js"],
    ["src/server/x.ts", `export * from "../node/tcp.js"`, "higher layer: ../node/tcp.js"],
    ["src/server/x.ts", `export { a } from "../index.js"`, "higher layer: ../index.js"],
    ["src/server/x.ts", `const a = await import("../wsgi/server.js")`, "higher layer: ../wsgi/server.js"],
    ["src/server/x.ts", `let a: import("../wsgi/server.js").A`, "higher layer: ../wsgi/server.js"],
    ["src/wsgi/x.ts", `import a = require("../cli/main.js")`, "higher layer: ../cli/main.js"],
    ["src/testing/x.ts", `import "../node/tcp.js"`, "sibling folder: ../node/tcp.js"],
    ["src/wsgi/x.ts", `import "../platform/TsgiHttpServer.js"`, "sibling folder: ../platform/TsgiHttpServer.js"],
    [
      "src/server/x.ts",
      `import type { E } from "../exchange/ServedExchange.js"`,
      "engine's own: ../exchange/ServedExchange.js"
    ],
    ["src/wsgi/x.ts", `import "../exchange/AcceptedPeer.js"`, "engine's own: ../exchange/AcceptedPeer.js"],
    ["src/platform/x.ts", `export * from "../exchange/ReceivedBody.js"`, "engine's own: ../exchange/ReceivedBody.js"],
    ["src/effect.ts", `export * from "./exchange/ServedExchange.js"`, "engine's own: ./exchange/ServedExchange.js"],
    ["src/http1/x.ts", `import type { W } from "../http2/Wire.js"`, "sibling folder: ../http2/Wire.js"],
    ["src/http2/x.ts", `import type { W } from "../http1/Wire.js"`, "sibling folder: ../http1/Wire.js"],
    ["src/http2/x.ts", `import type { E } from "../server/Exchange.js"`, "higher layer: ../server/Exchange.js"],
    ["src/transport/x.ts", `import type { W } from "../http1/Wire.js"`, "higher layer: ../http1/Wire.js"],
    ["src/server/x.ts", `import "../http2/Wire.js"`, "a protocol: ../http2/Wire.js"],
    ["src/node/x.ts", `import type { W } from "../http1/Wire.js"`, "a protocol: ../http1/Wire.js"],
    ["src/exchange/x.ts", `import "../transport/Transport.js"`, "higher layer: ../transport/Transport.js"],
    ["src/http2/x.ts", `import "../protocol/h1/framing.js"`, "HTTP/1: ../protocol/h1/framing.js"],
    ["src/transport/x.ts", `import "../protocol/h1/framing.js"`, "HTTP/1: ../protocol/h1/framing.js"],
    ["src/exchange/x.ts", `import "../protocol/h1/framing.js"`, "HTTP/1: ../protocol/h1/framing.js"],
    ["src/wsgi/x.ts", `import type { A } from "../protocol/h1/framing.js"`, "HTTP/1: ../protocol/h1/framing.js"],
    ["src/protocol/x.ts", `import "./h1/framing.js"`, "HTTP/1: ./h1/framing.js"],
    ["src/wsgi/x.ts", `if (env.CONTENT_LENGTH === "0") f()`, "framing in a door: CONTENT_LENGTH ==="],
    ["src/wsgi/x.ts", `const a = headers.has("Transfer-Encoding")`, `framing in a door: "Transfer-Encoding")`],
    ["src/wsgi/x.ts", `console.log(1)`, "console"],
    ["src/wsgi/x.ts", `globalThis.console.log(1)`, "console"],
    ["src/wsgi/x.ts", `import { connect } from "node:net"`, "sockets outside node: node:net"],
    ["src/testing/x.ts", `import { connect } from "tls"`, "sockets outside node: tls"],
    ["src/wsgi/x.ts", `import { spawn } from "node:child_process"`, "processes outside cli: node:child_process"],
    ["src/cli/main.ts", `import "../index.js"`, "higher layer: ../index.js"],
    ["src/server/x.ts", `import { Buffer } from "node:buffer"`, "node in server: node:buffer"],
    ["src/server/x.ts", `import { Buffer } from "buffer"`, "node in server: buffer"],
    ["src/http1/x.ts", `import { Buffer } from "node:buffer"`, "node in http1: node:buffer"],
    ["src/transport/x.ts", `import { Buffer } from "node:buffer"`, "node in transport: node:buffer"],
    ["src/http2/x.ts", `import { Buffer } from "node:buffer"`, "node in http2: node:buffer"],
    ["src/http1/x.ts", `import * as Effect from "effect/Effect"`, "Effect value in http1: effect/Effect"],
    ["src/http2/x.ts", `import * as Effect from "effect/Effect"`, "Effect value in http2: effect/Effect"],
    ["src/transport/x.ts", `import * as Effect from "effect/Effect"`, "Effect value in transport: effect/Effect"],
    [
      "src/exchange/x.ts",
      `import { type A, pipe } from "effect/Function"`,
      "Effect value in exchange: effect/Function"
    ],
    ["src/exchange/x.ts", `export * from "effect/Option"`, "Effect value in exchange: effect/Option"],
    ["src/exchange/x.ts", `import type { E } from "../server/Exchange.js"`, "higher layer: ../server/Exchange.js"],
    ["src/protocol/x.ts", `import * as fs from "node:fs"`, "in protocol: node:fs"],
    ["src/protocol/x.ts", `import * as Effect from "effect/Effect"`, "in protocol: effect/Effect"],
    ["src/server/x.ts", `import * as H from "@effect/platform/Headers"`, "platform: @effect/platform/Headers"],
    ["src/wsgi/x.ts", `import type * as N from "@effect/platform-node/N"`, "platform: @effect/platform-node/N"],
    ["src/platform/x.ts", `import * as R from "@effect/rpc/RpcServer"`, "cluster: @effect/rpc/RpcServer"],
    ["src/platform/x.ts", `import "./TsgiClusterHttp.js"`, "cluster: ./TsgiClusterHttp.js"],
    ["src/server/x.ts", `import { Effect } from "effect"`, "barrel: effect"],
    ["src/platform/x.ts", `import type { HttpApp } from "@effect/platform"`, "barrel: @effect/platform"],
    ["src/server/x.ts", `import * as tsgi from "tsgi/effect"`, "own package by name: tsgi/effect"],
    ["src/wsgi/x.ts", `const a = await import(name)`, "computed import"],
    ["src/wsgi/x.ts", `import "./gone.js"`, "no such source: ./gone.js"],
    ["src/wsgi/x.ts", `import "./server"`, "no such source: ./server"],
    ["src/http/x.ts", ``, "in no layer"],
    ["src/x.ts", ``, "in no layer"]
  ])("%s: %s", (file, text, expected) => {
    expect(check({ [file]: text })).toEqual([`${file}: ${expected}`])
  })

  it("finds a cycle between files", () => {
    const extra = { "src/wsgi/a.ts": `import "./b.js"`, "src/wsgi/b.ts": `import type { A } from "./a.js"` }
    expect(check(extra)).toEqual(["cycle: src/wsgi/a.ts -> src/wsgi/b.ts -> src/wsgi/a.ts"])
  })

  it("finds @effect/platform behind the plain door", () => {
    expect(check({ "src/index.ts": `export * from "./platform/TsgiHttpServer.js"` }))
      .toEqual(["src/index.ts reaches @effect/platform in src/platform/TsgiHttpServer.ts"])
  })
})
