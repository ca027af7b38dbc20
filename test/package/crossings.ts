/**
 * Counts the calls that cross from an object of one class into an object of another while a request is served on a warm
 * connection.
 *
 *   tsx test/package/crossings.ts             prints the counts of these sources
 *   tsx test/package/crossings.ts --list      and each of the calls
 *   tsx test/package/crossings.ts CHECKOUT    those of another checkout, with its packages installed
 *
 * The sources are compiled with a mark at the beginning and the end of every method, accessor and function property of a class,
 * and around every `new` of one. A mark knows the object that runs, and the one that ran before. If these and their classes
 * differ, a call has crossed. Functions outside of classes, static ones and those of object literals belong to their callers.
 * Methods that wait (async, generators) have no marks. Calls, made objects and read accessors are counted apart.
 *
 * One client sends requests again and again by TCP. The printed counts are medians of many requests.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { transform } from "esbuild"
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { setImmediate as turn } from "node:timers/promises"
import { pathToFileURL } from "node:url"
import ts from "typescript"

type Kind = "calls" | "makes" | "reads"
type Counts = Readonly<Record<Kind, number>> & { readonly way: ReadonlyArray<string> }

/** The functions that the marks call. */
interface Marks {
  readonly enter: (self: object, kind: Kind, method: string) => void
  readonly leave: () => void
  readonly make: <A>(name: string, construct: () => A) => A
}

// ---------------------------------------------------------------------------------------------------------------------
// marks

const { factory } = ts
const marks = "globalThis.crossings"

const call = (name: string, ...parameters: ReadonlyArray<ts.Expression>): ts.Expression =>
  factory.createCallExpression(factory.createIdentifier(`${marks}.${name}`), undefined, [...parameters])

const marked = (body: ts.ConciseBody, kind: Kind, name: string): ts.Block =>
  factory.createBlock([
    factory.createExpressionStatement(
      call("enter", factory.createThis(), factory.createStringLiteral(kind), factory.createStringLiteral(name))
    ),
    factory.createTryStatement(
      ts.isBlock(body) ? body : factory.createBlock([factory.createReturnStatement(body)]),
      undefined,
      factory.createBlock([factory.createExpressionStatement(call("leave"))])
    )
  ])

const has = (node: ts.HasModifiers, kind: ts.SyntaxKind): boolean =>
  ts.getModifiers(node)?.some((modifier) => modifier.kind === kind) === true

/** Marks the members of a class. `made` has the names of all classes. */
const transformer = (made: ReadonlySet<string>): ts.TransformerFactory<ts.SourceFile> => (context) => (source) => {
  const visit = (node: ts.Node): ts.Node => {
    if (ts.isClassElement(node) && ts.isClassLike(node.parent)) return member(ts.visitEachChild(node, visit, context))
    if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && made.has(node.expression.text)) {
      const construct = ts.visitEachChild(node, visit, context)
      return call(
        "make",
        factory.createStringLiteral(node.expression.text),
        factory.createArrowFunction(undefined, undefined, [], undefined, undefined, construct)
      )
    }
    return ts.visitEachChild(node, visit, context)
  }
  return ts.visitEachChild(source, visit, context)
}

const member = (node: ts.ClassElement): ts.ClassElement => {
  if (ts.canHaveModifiers(node) && has(node, ts.SyntaxKind.StaticKeyword)) return node
  if (ts.isGetAccessorDeclaration(node) && node.body !== undefined) {
    const body = marked(node.body, "reads", nameOf(node))
    return factory.updateGetAccessorDeclaration(node, node.modifiers, node.name, node.parameters, node.type, body)
  }
  if (ts.isMethodDeclaration(node) && node.body !== undefined) {
    if (node.asteriskToken !== undefined || has(node, ts.SyntaxKind.AsyncKeyword)) return node
    return factory.updateMethodDeclaration(
      node,
      node.modifiers,
      node.asteriskToken,
      node.name,
      node.questionToken,
      node.typeParameters,
      node.parameters,
      node.type,
      marked(node.body, "calls", nameOf(node))
    )
  }
  if (!ts.isPropertyDeclaration(node) || node.initializer === undefined) return node
  const { initializer } = node
  if (!ts.isArrowFunction(initializer) || has(initializer, ts.SyntaxKind.AsyncKeyword)) return node
  return factory.updatePropertyDeclaration(
    node,
    node.modifiers,
    node.name,
    node.questionToken,
    node.type,
    factory.updateArrowFunction(
      initializer,
      initializer.modifiers,
      initializer.typeParameters,
      initializer.parameters,
      initializer.type,
      initializer.equalsGreaterThanToken,
      marked(initializer.body, "calls", nameOf(node))
    )
  )
}

const nameOf = ({ name }: ts.ClassElement): string =>
  name !== undefined && (ts.isIdentifier(name) || ts.isPrivateIdentifier(name) || ts.isStringLiteral(name))
    ? name.text
    : ""

/** Compiles the engine of a checkout and its plain door, with marks, and returns what imports one of its files. */
const compile = async (checkout: string, folder: string): Promise<(file: string) => string> => {
  const sources = path.join(checkout, "src")
  const files = fs.readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((file) => /^(?!(?:cli|platform)\/).*\.ts$/.test(file.replaceAll(path.sep, "/")))
  const texts = new Map(files.map((file) => [file, fs.readFileSync(path.join(sources, file), "utf8")]))
  const made = new Set<string>()
  for (const text of texts.values()) {
    for (const [, name] of text.matchAll(/^(?:export )?(?:abstract )?class (\w+)/gm)) made.add(name)
  }
  const transformers = [transformer(made)]
  const printer = ts.createPrinter()
  await Promise.all([...texts].map(async ([file, text]) => {
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
    const [marked] = ts.transform(source, transformers).transformed
    const { code } = await transform(printer.printFile(marked), {
      loader: "ts",
      target: "es2022",
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } }
    })
    const output = path.join(folder, "src", file.replace(/\.ts$/, ".js"))
    fs.mkdirSync(path.dirname(output), { recursive: true })
    fs.writeFileSync(output, code)
  }))
  fs.symlinkSync(path.join(checkout, "node_modules"), path.join(folder, "node_modules"))
  fs.copyFileSync(path.join(checkout, "package.json"), path.join(folder, "package.json"))
  return (file) => pathToFileURL(path.join(folder, "src", file)).href
}

// ---------------------------------------------------------------------------------------------------------------------
// counts

interface Window {
  readonly from: string
  /** The number of the call of `from`; by default the first. */
  readonly call?: number
  readonly to: string
}

class Counter implements Marks {
  private running: Array<{ readonly self: object | undefined; readonly name: string }> = []
  private found: Array<readonly [kind: Kind, text: string]> = []
  private from: string | undefined = undefined
  private to: string | undefined = undefined
  private counting = false
  private calls = 1

  /** Counts from now on, or from the call of a method, the first or a later one, until that of another has begun. */
  start(window: Window | undefined): void {
    this.found = []
    this.counting = window === undefined
    this.from = window?.from
    this.to = window?.to
    this.calls = window?.call ?? 1
  }

  /** Stops counting, and returns what was found. */
  stop(): ReadonlyArray<readonly [kind: Kind, text: string]> {
    this.counting = false
    return this.found
  }

  readonly enter = (self: object, kind: Kind, method: string): void => {
    const name = self.constructor.name
    const whole = `${name}.${method}`
    const caller = this.running.at(-1)
    const begins = whole === this.from && --this.calls === 0
    if (begins) {
      this.counting = true
      this.from = undefined
    }
    const crosses = caller !== undefined && caller.self !== self && caller.name !== name
    if (this.counting && (crosses || begins)) {
      this.found.push([kind, `${caller?.name ?? "the application"} -> ${whole}`])
      if (whole === this.to) this.counting = false
    }
    this.running.push({ self, name })
  }

  readonly leave = (): void => void this.running.pop()

  readonly make = <A>(name: string, construct: () => A): A => {
    const caller = this.running.at(-1)
    if (this.counting && caller !== undefined && caller.name !== name) {
      this.found.push(["makes", `${caller.name} -> new ${name}`])
    }
    this.running.push({ self: undefined, name })
    try {
      return construct()
    } finally {
      this.leave()
    }
  }
}

// ---------------------------------------------------------------------------------------------------------------------
// requests

interface Scene {
  readonly request: string
  /** The body, which is sent when a 100 has arrived. */
  readonly body?: string
  readonly window?: Window
}

const hello = "hello"
const get: Scene = { request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n" }
const post: Scene = {
  request: "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n",
  body: "abc",
  window: { from: "Input.read", to: "NodeTransport.write" }
}
// the second chunk is that of the body
const upload: Scene = { ...post, window: { from: "Http1Connection.receive", call: 2, to: "RequestReader.next" } }

class Client {
  private got = ""
  private answered: () => void = () => undefined
  private body: string | undefined = undefined

  private constructor(private readonly socket: net.Socket) {
    socket.on("data", (bytes) => this.read(String(bytes)))
  }

  static async connect(port: number): Promise<Client> {
    const socket = net.connect(port, "127.0.0.1")
    await new Promise((resolve) => socket.once("connect", resolve))
    return new Client(socket)
  }

  private read(text: string): void {
    this.got += text
    if (this.body !== undefined && this.got.includes(" 100 ")) {
      this.socket.write(this.body)
      this.body = undefined
    }
    if (this.got.endsWith(hello)) this.answered()
  }

  async ask({ body, request }: Scene): Promise<void> {
    this.got = ""
    this.body = body
    await new Promise<void>((resolve) => {
      this.answered = resolve
      this.socket.write(request)
    })
    // this lets what follows an answer run
    for (let i = 0; i < 3; i++) await turn()
  }

  close(): void {
    this.socket.destroy()
  }
}

const warmup = 40
const requests = 21

const measure = async (counter: Counter, port: number, scene: Scene, list: boolean): Promise<Counts> => {
  const client = await Client.connect(port)
  for (let i = 0; i < warmup; i++) await client.ask(scene)
  const all: Array<ReadonlyArray<readonly [kind: Kind, text: string]>> = []
  for (let i = 0; i < requests; i++) {
    counter.start(scene.window)
    await client.ask(scene)
    all.push(counter.stop())
  }
  client.close()
  const typical = all.sort((a, b) => a.length - b.length)[requests >> 1]
  if (list) { for (const [kind, text] of typical) process.stderr.write(`  ${kind.padEnd(6)} ${text}\n`) }
  const count = (kind: Kind): number => typical.filter(([each]) => each === kind).length
  const way = typical.flatMap(([kind, text]) => kind === "calls" ? [text.slice(text.indexOf("> ") + 2)] : [])
  return { calls: count("calls"), makes: count("makes"), reads: count("reads"), way }
}

const head = { status: 200, fields: [["Content-Type", "text/plain"]] } as const

const main = async (checkout: string, list: boolean): Promise<Readonly<Record<string, Counts>>> => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-crossings-"))
  try {
    const file = await compile(checkout, folder)
    const counter = new Counter()
    Object.assign(globalThis, { crossings: counter })
    const { listen, server } = await import(file("index.js")) as typeof import("../../src/index.js")
    const Server = await import(file("server/Server.js")) as typeof import("../../src/server/Server.js")
    const Config = await import(file("server/ServerConfig.js")) as typeof import("../../src/server/ServerConfig.js")
    const Sockets = await import(file("node/NodeListener.js")) as typeof import("../../src/node/NodeListener.js")
    type App = Parameters<typeof server>[1]
    type Handler = Parameters<typeof Server.serve>[0]

    const plain = async (app: App, scene: Scene): Promise<Counts> => {
      const running = server(listen({ port: 0, host: "127.0.0.1" }), app, { logOutput: false })
      const address = await running.ready
      const counts = await measure(counter, address._tag === "Tcp" ? address.port : 0, scene, list)
      await running.stop({ grace: 0, settle: 0 })
      return counts
    }
    const engine = (handler: Handler, scene: Scene): Promise<Counts> => {
      const layers = Layer.mergeAll(
        Sockets.layer({ port: 0, host: "127.0.0.1" }),
        Server.layerServices,
        Layer.succeed(Config.ServerConfig, Config.make({}))
      )
      return Effect.runPromise(
        Effect.scoped(Effect.flatMap(
          Server.serve(handler),
          ({ address }) =>
            Effect.promise(() => measure(counter, address._tag === "Tcp" ? address.port : 0, scene, list))
        )).pipe(Effect.provide(layers))
      )
    }
    return {
      "hello": await engine((exchange) => void exchange.respond(head, hello), get),
      "hello, a post hook that is an Effect": await engine((exchange) => {
        exchange.postHook(() => Effect.void)
        exchange.respond(head, hello)
      }, get),
      "hello, a post hook that runs in a fiber": await engine((exchange) => {
        exchange.postHook(() => Effect.flatMap(Effect.void, () => Effect.void))
        exchange.respond(head, hello)
      }, get),
      "a hello of the plain door": await plain((_env, startResponse) => {
        startResponse("200 OK", [["Content-Type", "text/plain"]])
        return hello
      }, get),
      "a 100, from the first read to the wire": await plain(async (env, startResponse) => {
        await env["wsgi.input"].read()
        startResponse("200 OK", [["Content-Type", "text/plain"]])
        return hello
      }, post),
      "a chunk, from the socket to the application": await plain(async (env, startResponse) => {
        await env["wsgi.input"].read()
        startResponse("200 OK", [["Content-Type", "text/plain"]])
        return hello
      }, upload)
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

const parameters = process.argv.slice(2)
const checkout = path.resolve(parameters.find((each) => !each.startsWith("-")) ?? ".")
main(checkout, parameters.includes("--list")).then((counts) => {
  process.stdout.write(`${JSON.stringify(counts, undefined, 2)}\n`)
  process.exit(0)
}, (error: unknown) => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
})
