/**
 * The package as its users get it: packed, unpacked in an empty project, type-checked and imported there.
 * The entry points are those of `exports` in package.json; each must have its source, and each source its entry.
 */
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { build, type BuildOptions } from "esbuild"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { built } from "../utils/made.js"
import { linksOf } from "../utils/markdown.js"
import { Program } from "../utils/processes.js"
import { complaintsOf } from "../utils/typing.js"

const root = path.resolve(import.meta.dirname, "../..")
const readJson = <A>(file: string) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8")) as A

interface Manifest {
  readonly version: string
  readonly scripts: Record<string, string>
  readonly exports: Record<string, unknown>
  readonly files: ReadonlyArray<string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>
}
const manifest = readJson<Manifest>("package.json")
const { compilerOptions: { paths } } = readJson<{
  readonly compilerOptions: { readonly paths: Record<string, readonly [string]> }
}>("tsconfig.json")

/** Awaited, because what holds the event loop keeps the runner from its own work. */
const execute = promisify(execFile)

/** `./effect` in exports is `tsgi/effect` for the user. */
const exported = Object.keys(manifest.exports).filter((key) => key !== "./package.json")
  .map((key) => path.posix.join("tsgi", key).replace(/\/$/, ""))
const needsPlatform = (entry: string) => entry === "tsgi/effect" || entry === "tsgi/cluster"

it("every entry point has its source, and every source its entry point", () => {
  const existing = Object.keys(paths).filter((name) => fs.existsSync(path.join(root, paths[name]?.[0] ?? "")))
  expect([...exported].sort()).toEqual([...existing].sort())
  for (const name of exported) {
    const built = paths[name]?.[0].replace("./src/", "./dist/").replace(/\.ts$/, "")
    const checked = {
      types: `${built}.d.ts`,
      module: `${built}.js`,
      require: `${built}.js`,
      default: "./dist/checked.js"
    }
    expect(manifest.exports[name.replace("tsgi", ".")])
      .toEqual(name === "tsgi/effect" ? checked : { types: `${built}.d.ts`, default: `${built}.js` })
  }
})

describe.skipIf(exported.length === 0)("the packed package", { timeout: 180_000 }, () => {
  let temporary: string
  let stage: string
  let project: string
  let tarball: Buffer<ArrayBuffer>

  const link = (name: string, into = project) => {
    const target = path.join(into, "node_modules", name)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.symlinkSync(path.join(root, "node_modules", name), target, "dir")
  }

  /** Packs what was built of a copy of the sources, so that a `dist` in the checkout is neither used nor touched. */
  beforeAll(async () => {
    temporary = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-package-")))
    stage = path.join(temporary, "stage")
    project = path.join(temporary, "project")
    fs.cpSync(path.join(await built(), "dist"), path.join(stage, "dist"), { recursive: true })
    for (const name of ["package.json", ...manifest.files.filter((name) => !/^!|^dist$/.test(name))]) {
      fs.cpSync(path.join(root, name), path.join(stage, name), { recursive: true })
    }
    expect(manifest.scripts).toMatchObject({ prepack: "npm run build", build: "node scripts/build.js" })
    await execute("npm", ["pack", "--ignore-scripts", "--offline", "--pack-destination", temporary], { cwd: stage })
    const [packed] = fs.readdirSync(temporary).filter((name) => name.endsWith(".tgz"))
    tarball = fs.readFileSync(path.join(temporary, packed ?? "no tarball"))

    fs.mkdirSync(path.join(project, "node_modules/tsgi"), { recursive: true })
    fs.writeFileSync(path.join(project, "package.json"), JSON.stringify({ type: "module" }))
    await execute("tar", ["-xzf", path.join(temporary, packed ?? ""), "--strip-components=1"], {
      cwd: path.join(project, "node_modules/tsgi")
    })
    link("@types/node")
  }, 180_000)

  afterAll(() => fs.promises.rm(temporary, { recursive: true, force: true }), 60_000)

  type Resolution = Readonly<Record<string, string | boolean>>
  /**
   * Type-checks a consumer of each entry, and the declarations we ship; `TS<code> file` for each error. Its settings ask for
   * no types of Node, as those do that `tsc --init` makes: our declarations ask for them.
   */
  const typeErrors = async (
    entries: ReadonlyArray<string>,
    resolution: Resolution
  ): Promise<ReadonlyArray<string>> => {
    const files = entries.map((entry, i) => {
      const file = `consumer${i}.ts`
      fs.writeFileSync(
        path.join(project, file),
        `import * as entry from ${JSON.stringify(entry)}\nexport const names = Object.keys(entry)\n`
      )
      return file
    })
    const complaints = await complaintsOf(project, files, {
      compilerOptions: {
        ...resolution,
        target: "ES2022",
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true
      }
    })
    // others' declarations are links out of the project
    return complaints.filter(({ file }) => !file.startsWith("..")).map(({ code, file, message }) =>
      `${code} ${file}: ${message}`
    )
  }

  /** What a program prints. */
  const run = (program: string, directory = project) =>
    execute(process.execPath, ["--input-type=module", "-e", program], { cwd: directory, timeout: 60_000 })

  /** Of a program: has in `errors` what imports fail with. */
  const importing = (entries: ReadonlyArray<string>): string => `
    const errors = []
    for (const entry of ${JSON.stringify(entries)}) {
      const module = await import(entry).catch((error) => ({ error: errors.push(entry + ": " + error.code) }))
      if (Object.keys(module).length === 0) errors.push(entry + ": exports nothing")
    }`

  const importErrors = async (entries: ReadonlyArray<string>): Promise<ReadonlyArray<string>> => {
    const { stdout } = await run(`${importing(entries)}\nprocess.stdout.write(JSON.stringify(errors))`)
    return JSON.parse(stdout) as ReadonlyArray<string>
  }

  const resolutions: readonly [[string, Resolution], [string, Resolution]] = [
    ["NodeNext", { module: "NodeNext", moduleResolution: "NodeNext", skipDefaultLibCheck: true }],
    // what the declarations say is checked with the other one; that they are found by each is arethetypeswrong's as well
    ["bundler", { module: "ESNext", moduleResolution: "Bundler", skipLibCheck: true }]
  ]

  const typesOf = (entry: string): string => {
    const { types } = manifest.exports[entry.replace("tsgi", ".")] as { readonly types: string }
    return path.relative("./dist", types)
  }
  const facade = exported.filter((entry) => !needsPlatform(entry))
  const effectful = exported.filter(needsPlatform)

  it("has what a package has", () => {
    const shipped = fs.readdirSync(path.join(project, "node_modules/tsgi"))
    const present = manifest.files.filter((name) => fs.existsSync(path.join(stage, name)))
    expect(present).toEqual(expect.arrayContaining(["dist", "src", "examples", "CHANGELOG.md", "LICENSE"]))
    const top = new Set(present.map((name) => name.split("/")[0]))
    expect([...shipped].sort()).toEqual([...top, "package.json"].sort())
  })

  it("has pages whose links lead to what is there, but for tests, which are in a checkout only", () => {
    const packed = path.join(project, "node_modules/tsgi")
    const pages = fs.readdirSync(packed, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md") && !name.startsWith("test/"))
    expect(pages).toEqual(expect.arrayContaining(["README.md", "src/wsgi/README.md", "examples/deploy/README.md"]))
    const broken = pages.flatMap((page) =>
      linksOf(fs.readFileSync(path.join(packed, page), "utf8"))
        .filter((target) => !/^(?:https?:|#)/.test(target))
        .map((target) => path.join(path.dirname(page), target.replace(/#.*/, "")))
        .filter((target) => !/^test\/.*\.(?:md|ts)$/.test(target) && !fs.existsSync(path.join(packed, target)))
        .map((target) => `${page}: ${target}`)
    )
    expect(broken).toEqual([])
  })

  it("has declarations that name no Effect, but for the door of that name", () => {
    const dist = path.join(project, "node_modules/tsgi/dist")
    const namesIn = (file: string): ReadonlyArray<string> => {
      const names: Array<string> = []
      const visit = (node: ts.Node): void => {
        if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
          if (ts.isStringLiteral(node.moduleSpecifier)) names.push(node.moduleSpecifier.text)
        } else if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
          if (ts.isStringLiteral(node.argument.literal)) names.push(node.argument.literal.text)
        }
        ts.forEachChild(node, visit)
      }
      visit(ts.createSourceFile(file, fs.readFileSync(file, "utf8"), ts.ScriptTarget.ES2022))
      return names
    }
    /** The packages that a declaration and what it imports name, each with the way there. */
    const packagesOf = (entry: string): ReadonlyArray<string> => {
      const found: Array<string> = []
      const reached = new Map([[path.join(dist, entry), entry]])
      for (const [file, way] of reached) {
        for (const name of namesIn(file)) {
          if (!name.startsWith(".")) found.push(`${way}: ${name}`)
          else {
            const target = path.join(path.dirname(file), name.replace(/\.js$/, ".d.ts"))
            if (!reached.has(target)) reached.set(target, `${way} > ${path.relative(dist, target)}`)
          }
        }
      }
      return found.filter((name) => !/: node:\w+$/.test(name))
    }
    expect(facade).toEqual(["tsgi", "tsgi/protocol", "tsgi/testing"])
    expect(facade.flatMap((entry) => packagesOf(typesOf(entry)))).toEqual([])
    expect(effectful.flatMap((entry) => packagesOf(typesOf(entry))).join()).toContain(": effect/Effect")
  })

  it.each(resolutions)("type-checks without the optional peers, and has no other entry points, %s", async (
    _,
    resolution
  ) => {
    expect(await typeErrors([...facade, "tsgi/server/none"], resolution))
      .toEqual([expect.stringMatching(new RegExp(`^TS2307 consumer${facade.length}\\.ts: .*tsgi/server/none`))])
  })

  it("imports without the optional peers, and has no other entry points", async () => {
    expect(await importErrors([...facade, "tsgi/dist/index.js"]))
      .toEqual(["tsgi/dist/index.js: ERR_PACKAGE_PATH_NOT_EXPORTED"])
  })

  it("has a command that serves a plain app where no Effect is installed, in workers that load none", async () => {
    fs.writeFileSync(
      path.join(project, "app.mjs"),
      `export default (env, startResponse) => {
        startResponse("200 OK", [["Content-Type", "text/plain"]])
        return "plain"
      }`
    )
    const command = path.join(project, "node_modules/tsgi/dist/cli.js")
    expect(fs.existsSync(path.join(project, "node_modules/effect"))).toBe(false)
    await using program = new Program(process.execPath, [command, "serve", "app.mjs", "--port", "0"], {
      cwd: project,
      env: { TSGI_CONTROL: "none" }
    })
    const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    await program.line(/worker 1 \(\d+\) ready/)
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("plain")
    program.kill("SIGTERM")
    expect((await program.ended).code).toBe(0)
  })

  it("has the licences of what it carries", () => {
    const licences = path.join(project, "node_modules/tsgi/dist/licenses")
    expect(fs.readdirSync(licences).sort()).toEqual([
      "@effect-cli",
      "@effect-platform",
      "@effect-platform-node",
      "@effect-platform-node-shared",
      "Apache-2.0",
      "atomic-sleep",
      "chokidar",
      "effect",
      "find-my-way-ts",
      "mime",
      "multipasta",
      "readdirp",
      "smol-toml",
      "sonic-boom",
      "ws",
      "yaml"
    ])
    expect(fs.readFileSync(path.join(licences, "effect"), "utf8")).toMatch(/MIT License[^]*Copyright EPFL/)
    expect(fs.readFileSync(path.join(licences, "Apache-2.0"), "utf8")).toContain("Version 2.0")
  })

  it("has source maps of which the sources are there, but for what is carried, which debuggers pass over", () => {
    const directory = path.join(project, "node_modules/tsgi/dist")
    const maps = fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".js.map")
    )
    expect(maps).toEqual(expect.arrayContaining(["index.js.map", "effect.js.map", "testing.js.map"]))
    for (const name of maps) {
      const map = JSON.parse(fs.readFileSync(path.join(directory, name), "utf8")) as {
        readonly sources: ReadonlyArray<string>
        readonly sourcesContent: ReadonlyArray<string | null>
        readonly ignoreList: ReadonlyArray<number>
      }
      const absent = map.sources.filter((source) => !fs.existsSync(path.join(directory, path.dirname(name), source)))
      expect(absent).toEqual(["carried"])
      expect(map.ignoreList.map((i) => [map.sources[i], map.sourcesContent[i]])).toEqual([["carried", ""]])
    }
    const codes = fs.readdirSync(directory, { recursive: true, encoding: "utf8" }).filter((name) =>
      name.endsWith(".js")
    )
    for (const name of codes) {
      const [, map] = /\/\/# sourceMappingURL=(.*)/.exec(fs.readFileSync(path.join(directory, name), "utf8")) ?? []
      if (map !== undefined) expect(maps).toContain(path.join(path.dirname(name), map))
    }
  })

  it("has stack traces that can be read: names as they are, and with source maps the place in the sources", async () => {
    const program = `
      import { listen, server } from "tsgi"
      try { server(listen(), () => "", { limits: { none: 1 } }) } catch (error) { console.log(error.stack) }`
    const bare = (await run(program)).stdout
    expect(bare).toMatch(/^ +at server \(file:.*\/tsgi\/dist\/.*\.js:\d+:\d+\)$/m)
    const { stdout: mapped } = await execute(
      process.execPath,
      ["--enable-source-maps", "--input-type=module", "-e", program],
      { cwd: project, timeout: 60_000 }
    )
    const [, file = "", line] = /^ +at server \((.*\/tsgi\/src\/wsgi\/server\.ts):(\d+):\d+\)$/m.exec(mapped) ?? []
    expect(fs.readFileSync(file, "utf8").split("\n")[Number(line) - 1]).toContain("Options.read")
    expect(mapped).not.toContain("/dist/")
  })

  it("passes publint", async () => {
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(tarball).buffer }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg ?? {}))).toEqual([])
  })

  it("passes arethetypeswrong as an ESM-only package", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(tarball)))
    const problems = analysis.types === false ?
      ["no types"] :
      analysis.problems.filter((problem) =>
        !("resolutionKind" in problem && ["node10", "node16-cjs"].includes(problem.resolutionKind))
      )
    expect(problems).toEqual([])
  })

  describe.skipIf(effectful.length === 0)("with the optional peers", () => {
    beforeAll(() => {
      for (const [name, { optional }] of Object.entries(manifest.peerDependenciesMeta)) if (optional) link(name)
    })

    it.each(resolutions)("type-checks, %s", async (_, resolution) => {
      expect(await typeErrors(effectful, resolution)).toEqual([])
    })

    it("imports, and takes at its facade what was made with an Effect of another version, of which it says nothing", async () => {
      const program = `
        // before anything else of Effect is there to ask for it
        const { setCurrentVersion } = await import("effect/ModuleVersion")
        setCurrentVersion("3.21.0")
        const { BindError, server } = await import("tsgi")
        const { MemoryListener } = await import("tsgi/effect")
        const Effect = await import("effect/Effect")
        const Metric = await import("effect/Metric")
        const memory = MemoryListener.make()
        const serve = () => server(memory.listener, (env, startResponse) => {
          startResponse("200 OK", [])
          return env.PATH_INFO
        })
        const running = serve()
        await running.ready
        const second = serve()
        const error = await second.ready.catch((error) => error)
        await second.closed
        const client = memory.connect()
        client.send("GET /here HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
        const { body } = await client.response()
        await running.stop()
        const accepted = Effect.runSync(Metric.snapshot)
          .find(({ metricKey }) => metricKey.name === "tsgi_connections_accepted")
        ${importing(effectful)}
        process.stdout.write([body, accepted?.metricState.count, error instanceof BindError, error.reason, ...errors].join())`
      const { stderr, stdout } = await run(program)
      expect(stdout).toBe("/here,1,true,AddressInUse")
      expect(stderr).not.toContain("version")
    })
  })

  describe("in projects of their own", { timeout: 120_000 }, () => {
    // by http, which is loaded sooner than fetch
    const asking = (port: string, path: string) => `
      const { get } = await import("node:http")
      const answer = await new Promise((resolve, reject) =>
        get({ port: ${port}, path: "${path}", agent: false }, (response) =>
          response.setEncoding("utf8").once("data", resolve)).once("error", reject))
      console.log(answer)`
    const plain = `
      import { listen, server } from "tsgi"
      const main = async () => {
        const running = server(listen(), (env, startResponse) => {
          startResponse("200 OK", [])
          return env.PATH_INFO
        })
        const { port } = await running.ready
        ${asking("port", "/here")}
        await running.stop()
      }
      main()`
    /** Where an await may stand outside of a function, as it may not in CommonJS. */
    const awaited = (program: string) => program.replace(/main\(\)$/, "await main()")
    const effect = `
      import * as HttpServer from "@effect/platform/HttpServer"
      import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
      import * as Effect from "effect/Effect"
      import { TsgiHttpServer } from "tsgi/effect"
      await Effect.runPromise(
        Effect.gen(function*() {
          yield* HttpServer.serveEffect(HttpServerResponse.text("from Effect"))
          const { address: { port } } = yield* HttpServer.HttpServer
          yield* Effect.promise(async () => {${asking("port", "/")}})
        }).pipe(Effect.scoped, Effect.provide(TsgiHttpServer.layer({ port: 0, host: "127.0.0.1" })))
      )`
    const directoryOf = (name: string) => path.join(temporary, name)

    /** As a registry has it, a package that is installed here: what npm plans by, which is what it names as peers. */
    const published = (name: string): object => {
      const { peerDependencies, peerDependenciesMeta, version } = readJson<Manifest>(
        `node_modules/${name}/package.json`
      )
      const dist = { tarball: `http://127.0.0.1/${name}-${version}.tgz` }
      const versions = [{ name, version, peerDependencies, peerDependenciesMeta, dist }]
      const next = { name, version: "4.1.0", peerDependencies: {}, peerDependenciesMeta: {}, dist }
      if (name === "effect") versions.push(next)
      return {
        name,
        "dist-tags": { latest: version },
        versions: Object.fromEntries(versions.map((each) => [each.version, each]))
      }
    }
    /**
     * The versions that npm would install beside the package, from a registry that has what is here and the next Effect.
     * What it plans is not unpacked: it is here, or never loaded.
     */
    const plan = async (projects: Readonly<Record<string, ReadonlyArray<string>>>): Promise<void> => {
      for (const [name, specifiers] of Object.entries(projects)) {
        const beside = specifiers.map((specifier): readonly [string, string] => [
          specifier.replace(/@[^@]*$/, ""),
          specifier.replace(/.*@/, "")
        ])
        const dependencies = { tsgi: `file:${packed()}`, ...Object.fromEntries(beside) }
        fs.mkdirSync(directoryOf(`planned/${name}`), { recursive: true })
        fs.writeFileSync(
          directoryOf(`planned/${name}/package.json`),
          JSON.stringify({ name, type: "module", dependencies })
        )
      }
      fs.writeFileSync(
        directoryOf("planned/package.json"),
        JSON.stringify({ private: true, type: "module", workspaces: Object.keys(projects) })
      )
      const registry = createServer((request, response) => {
        const name = decodeURIComponent(request.url ?? "").slice(1)
        const isHere = fs.existsSync(path.join(root, "node_modules", name, "package.json"))
        response.writeHead(isHere ? 200 : 404).end(isHere ? JSON.stringify(published(name)) : "{}")
      })
      await new Promise<void>((resolve) => registry.listen(0, "127.0.0.1", resolve))
      const { port } = registry.address() as AddressInfo
      const where = [`--registry=http://127.0.0.1:${port}`, `--cache=${directoryOf("cache")}`]
      const quietly = ["--no-audit", "--no-fund", "--no-update-notifier", "--fetch-retries=0"]
      await execute("npm", [
        "install",
        "--package-lock-only",
        "--install-strategy=nested",
        ...where,
        ...quietly
      ], { cwd: directoryOf("planned"), timeout: 100_000 }).finally(() => registry.close())
    }
    beforeAll(() => plan({ alone: [], three: remedy.split(" ").slice(2), four: ["effect@4"] }))
    /** Does what npm planned by hand: the packages that it would have installed beside, with their versions. */
    const unpack = (name: string, packages: ReadonlyArray<string>): ReadonlyMap<string, string> => {
      const { packages: plan } = JSON.parse(fs.readFileSync(directoryOf("planned/package-lock.json"), "utf8")) as {
        readonly packages: Readonly<Record<string, { readonly version: string }>>
      }
      expect(plan[`${name}/node_modules/tsgi`].version).toBe(manifest.version)
      const folder = directoryOf(`planned/${name}`)
      fs.cpSync(path.join(project, "node_modules/tsgi"), path.join(folder, "node_modules/tsgi"), { recursive: true })
      for (const each of packages) link(each, folder)
      const within = `${name}/node_modules/`
      return new Map(
        Object.entries(plan).flatMap(([place, { version }]) =>
          place.startsWith(within) && place !== `${within}tsgi` ? [[place.slice(within.length), version]] : []
        )
      )
    }
    const packed = () => path.join(temporary, fs.readdirSync(temporary).find((name) => name.endsWith(".tgz")) ?? "")
    const bundle = async (name: string, program: string, options: BuildOptions): Promise<string> => {
      const { errors, warnings } = await build({
        ...options,
        bundle: true,
        platform: "node",
        stdin: { contents: program, resolveDir: directoryOf(name) },
        logLevel: "silent"
      })
      expect([...errors, ...warnings]).toEqual([])
      return options.outfile ?? ""
    }
    /** What it takes on a disk, whose blocks are whole. */
    const sizeOf = (directory: string) =>
      fs.readdirSync(directory, { recursive: true, encoding: "utf8" })
        .reduce((total, name) => total + Math.ceil(fs.lstatSync(path.join(directory, name)).size / 4096) * 4096, 0)
    /** Of a program: says what the import of the other door fails with. */
    const refusing = `await import("tsgi/effect").catch((error) => console.log(String(error)))`
    const alone = () => directoryOf("planned/alone")
    const remedy = "npm install effect@3 @effect/platform@0.97 @effect/platform-node@0.108"

    it("needs nothing beside itself, is small, and says what the other door lacks", async () => {
      expect([...unpack("alone", [])]).toEqual([])
      expect(sizeOf(path.join(alone(), "node_modules"))).toBeLessThan(5_000_000)
      const testing = `
        const { MemoryListener } = await import("tsgi/testing")
        console.log(typeof MemoryListener.make)`
      const { stdout } = await run(`${awaited(plain)}\n${testing}\n${refusing}`, alone())
      const [here, make, refused, ...rest] = stdout.split("\n")
      expect([here, make, ...rest]).toEqual(["/here", "function", ""])
      expect(refused).toMatch(/^Error: tsgi\/effect needs Effect 3, but effect is not installed, /)
      expect(refused).toContain(remedy)
    })

    it("is taken by require, or Node says why not", async () => {
      const program = `console.log(typeof require("tsgi").server)`
      const { stderr, stdout } = await execute(process.execPath, ["-e", program], { cwd: project })
        .catch((error: unknown) => ({ stdout: "", stderr: String(error) }))
      const requires = Reflect.get(process.features, "require_module") === true
      expect(requires ? stdout : stderr).toMatch(requires ? /^function$/m : /ERR_REQUIRE_ESM/)
    })

    it.each(["esm", "cjs"] as const)("runs at its plain door when esbuild has bundled it, %s", async (format) => {
      const outfile = path.join(temporary, `bundles/plain.${format === "esm" ? "mjs" : "cjs"}`)
      fs.cpSync(path.join(project, "node_modules/tsgi"), directoryOf(`plain-${format}/node_modules/tsgi`), {
        recursive: true
      })
      const file = await bundle(`plain-${format}`, plain, { format, outfile })
      const { stderr, stdout } = await execute(process.execPath, [file], { timeout: 60_000 })
      expect(stdout).toBe("/here\n")
      expect(stderr).toContain("GET /here HTTP/1.1")
    })

    it("stands beside Effect 3, at both doors, also bundled", async () => {
      const beside = unpack("three", ["effect", "@effect/platform", "@effect/platform-node"])
      expect(beside.get("effect")).toMatch(/^3\./)
      const { stdout } = await run(`${plain}\n${effect}`, directoryOf("planned/three"))
      expect(stdout.split("\n").sort()).toEqual(["", "/here", "from Effect"])
      const file = await bundle("planned/three", effect, {
        format: "esm",
        outfile: path.join(temporary, "bundles/effect.mjs")
      })
      expect((await execute(process.execPath, [file], { timeout: 60_000 })).stdout).toBe("from Effect\n")
    })

    it("stands beside Effect 4 at its plain door, and says at the other one what it needs", async () => {
      const version = unpack("four", []).get("effect")
      const effect = directoryOf("planned/four/node_modules/effect")
      fs.mkdirSync(effect)
      fs.writeFileSync(path.join(effect, "package.json"), JSON.stringify({ name: "effect", version, exports: {} }))
      const { stdout } = await run(`${awaited(plain)}\n${refusing}`, directoryOf("planned/four"))
      const [here, refused, ...rest] = stdout.split("\n")
      expect([here, ...rest]).toEqual(["/here", ""])
      expect(refused).toMatch(/^Error: tsgi\/effect needs Effect 3, but effect is 4\.\d+\.\d+, /)
      expect(refused).toContain(remedy)
    })
  })
})
