/** The packed package among its users' tools: compilers, bundlers, npm and other versions of Effect. */
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { build, type BuildOptions } from "esbuild"
import * as fs from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { complaintsOf } from "../utils/typing.js"
import {
  effectful,
  execute,
  exported,
  importing,
  type Manifest,
  manifest,
  Packed,
  readJson,
  withoutEffect
} from "./packed.js"

const root = path.resolve(import.meta.dirname, "../..")

describe.skipIf(exported.length === 0)("the packed package", { timeout: 180_000 }, () => {
  let packed: Packed
  beforeAll(async () => {
    packed = await Packed.make()
    packed.link("@types/node")
  }, 180_000)
  afterAll(() => packed[Symbol.asyncDispose](), 60_000)

  type Resolution = Readonly<Record<string, string | boolean>>
  /**
   * Type-checks a consumer of each entry, and the declarations we ship; `TS<code> file` for each error. As with the settings of
   * `tsc --init`, it does not ask for the types of Node, because our declarations do.
   */
  const typeErrors = async (
    entries: ReadonlyArray<string>,
    resolution: Resolution
  ): Promise<ReadonlyArray<string>> => {
    const files = entries.map((entry, i) => {
      const file = `consumer${i}.ts`
      fs.writeFileSync(
        path.join(packed.project, file),
        `import * as entry from ${JSON.stringify(entry)}\nexport const names = Object.keys(entry)\n`
      )
      return file
    })
    const complaints = await complaintsOf(packed.project, files, {
      compilerOptions: {
        ...resolution,
        target: "ES2022",
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true
      }
    })
    // declarations of other packages are links out of the project
    return complaints.filter(({ file }) => !file.startsWith("..")).map(({ code, file, message }) =>
      `${code} ${file}: ${message}`
    )
  }

  const resolutions: readonly [[string, Resolution], [string, Resolution]] = [
    ["NodeNext", { module: "NodeNext", moduleResolution: "NodeNext", skipDefaultLibCheck: true }],
    // the other one checks the declarations themselves; arethetypeswrong checks too that each finds them
    ["bundler", { module: "ESNext", moduleResolution: "Bundler", skipLibCheck: true }]
  ]

  it.each(resolutions)("type-checks without the optional peers, and has no other entry points, %s", async (
    _,
    resolution
  ) => {
    expect(await typeErrors([...withoutEffect, "tsgi/server/none"], resolution))
      .toEqual([expect.stringMatching(new RegExp(`^TS2307 consumer${withoutEffect.length}\\.ts: .*tsgi/server/none`))])
  })

  it("has stack traces that can be read: names as they are, and with source maps the place in the sources", async () => {
    const program = `
      import { listen, server } from "tsgi"
      try { server(listen(), () => "", { limits: { none: 1 } }) } catch (error) { console.log(error.stack) }`
    const bare = (await packed.run(program)).stdout
    expect(bare).toMatch(/^ +at server \(file:.*\/tsgi\/dist\/.*\.js:\d+:\d+\)$/m)
    const { stdout: mapped } = await execute(
      process.execPath,
      ["--enable-source-maps", "--input-type=module", "-e", program],
      { cwd: packed.project, timeout: 60_000 }
    )
    const [, file = "", line] = /^ +at server \(.*\/tsgi\/(src\/wsgi\/server\.ts):(\d+):\d+\)$/m.exec(mapped) ?? []
    expect(fs.readFileSync(path.join(root, file), "utf8").split("\n")[Number(line) - 1]).toContain("Options.read")
    expect(mapped).not.toContain("/dist/")
  })

  it("passes arethetypeswrong as an ESM-only package", async () => {
    const analysis = await checkPackage(createPackageFromTarballData(new Uint8Array(packed.tarball)))
    const problems = analysis.types === false ?
      ["no types"] :
      analysis.problems.filter((problem) =>
        !("resolutionKind" in problem && ["node10", "node16-cjs"].includes(problem.resolutionKind))
      )
    expect(problems).toEqual([])
  })

  describe.skipIf(effectful.length === 0)("with the optional peers", () => {
    beforeAll(() => {
      for (const [name, { optional }] of Object.entries(manifest.peerDependenciesMeta)) if (optional) packed.link(name)
    })

    it.each(resolutions)("type-checks, %s", async (_, resolution) => {
      expect(await typeErrors(effectful, resolution)).toEqual([])
    })

    it.skipIf(Reflect.get(process.features, "require_module") !== true)(
      "is required as the same that is imported",
      async () => {
        const program = `
        const { createRequire } = await import("node:module")
        const required = createRequire(import.meta.url)("tsgi/effect")
        const imported = await import("tsgi/effect")
        const names = Object.keys(imported)
        console.log(names.length > 20, names.every((name) => required[name] === imported[name]))
        const runner = createRequire(import.meta.url)("tsgi/cluster")
        console.log(runner.TsgiClusterHttp.layer === (await import("tsgi/cluster")).TsgiClusterHttp.layer)`
        expect((await packed.run(program)).stdout).toBe("true true\ntrue\n")
      }
    )

    it("imports, and takes at its plain door what was made with an Effect of another version, of which it says nothing", async () => {
      const program = `
        // this is before any other part of Effect asks for it
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
      const { stderr, stdout } = await packed.run(program)
      expect(stdout).toBe("/here,1,true,AddressInUse")
      expect(stderr).not.toContain("version")
    })
  })

  describe("in projects of their own", { timeout: 120_000 }, () => {
    // this uses http, which loads faster than fetch
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
    /** The program with an await outside of a function, which CommonJS does not allow. */
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
    const directoryOf = (name: string) => path.join(packed.temporary, name)

    /** A package that is installed here, as a registry describes it, with the peers by which npm plans. */
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
     * The versions that npm would install beside the package, from a registry that has what is here and the next Effect. The
     * planned packages are not unpacked, because they are here or never loaded.
     */
    const plan = async (projects: Readonly<Record<string, ReadonlyArray<string>>>): Promise<void> => {
      for (const [name, specifiers] of Object.entries(projects)) {
        const beside = specifiers.map((specifier): readonly [string, string] => [
          specifier.replace(/@[^@]*$/, ""),
          specifier.replace(/.*@/, "")
        ])
        const dependencies = { tsgi: `file:${packed.file}`, ...Object.fromEntries(beside) }
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
    /** Installs by hand what npm has planned, and returns the packages with their versions. */
    const unpack = (name: string, packages: ReadonlyArray<string>): ReadonlyMap<string, string> => {
      const { packages: plan } = JSON.parse(fs.readFileSync(directoryOf("planned/package-lock.json"), "utf8")) as {
        readonly packages: Readonly<Record<string, { readonly version: string }>>
      }
      expect(plan[`${name}/node_modules/tsgi`].version).toBe(manifest.version)
      const folder = directoryOf(`planned/${name}`)
      fs.cpSync(path.join(packed.project, "node_modules/tsgi"), path.join(folder, "node_modules/tsgi"), {
        recursive: true
      })
      for (const each of packages) packed.link(each, folder)
      const within = `${name}/node_modules/`
      return new Map(
        Object.entries(plan).flatMap(([place, { version }]) =>
          place.startsWith(within) && place !== `${within}tsgi` ? [[place.slice(within.length), version]] : []
        )
      )
    }
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
    /** The size on disk, in whole blocks. */
    const sizeOf = (directory: string) =>
      fs.readdirSync(directory, { recursive: true, encoding: "utf8" })
        .reduce((total, name) => total + Math.ceil(fs.lstatSync(path.join(directory, name)).size / 4096) * 4096, 0)
    /** Code of a program that prints the failure of an import of the other door. */
    const refusing = `await import("tsgi/effect").catch((error) => console.log(String(error)))`
    const alone = () => directoryOf("planned/alone")
    const remedy = "npm install effect@3 @effect/platform@0.97 @effect/platform-node@0.108"

    it("needs nothing beside itself, is small, and says what the other door lacks", async () => {
      expect([...unpack("alone", [])]).toEqual([])
      expect(sizeOf(path.join(alone(), "node_modules"))).toBeLessThan(5_000_000)
      const testing = `
        const { MemoryListener } = await import("tsgi/testing")
        console.log(typeof MemoryListener.make)`
      const { stdout } = await packed.run(`${awaited(plain)}\n${testing}\n${refusing}`, alone())
      const [here, make, refused, ...rest] = stdout.split("\n")
      expect([here, make, ...rest]).toEqual(["/here", "function", ""])
      expect(refused).toMatch(/^Error: tsgi\/effect needs Effect 3, but effect is not installed, /)
      expect(refused).toContain(remedy)
    })

    it("is taken by require, or Node says why not", async () => {
      const program = `console.log(typeof require("tsgi").server)`
      const { stderr, stdout } = await execute(process.execPath, ["-e", program], { cwd: packed.project })
        .catch((error: unknown) => ({ stdout: "", stderr: String(error) }))
      const requires = Reflect.get(process.features, "require_module") === true
      expect(requires ? stdout : stderr).toMatch(requires ? /^function$/m : /ERR_REQUIRE_ESM/)
    })

    it.each(["esm", "cjs"] as const)("runs at its plain door when esbuild has bundled it, %s", async (format) => {
      const outfile = path.join(packed.temporary, `bundles/plain.${format === "esm" ? "mjs" : "cjs"}`)
      fs.cpSync(path.join(packed.project, "node_modules/tsgi"), directoryOf(`plain-${format}/node_modules/tsgi`), {
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
      const { stdout } = await packed.run(`${plain}\n${effect}`, directoryOf("planned/three"))
      expect(stdout.split("\n").sort()).toEqual(["", "/here", "from Effect"])
      const file = await bundle("planned/three", effect, {
        format: "esm",
        outfile: path.join(packed.temporary, "bundles/effect.mjs")
      })
      expect((await execute(process.execPath, [file], { timeout: 60_000 })).stdout).toBe("from Effect\n")
    })

    it("stands beside Effect 4 at its plain door, and says at the other one what it needs", async () => {
      const version = unpack("four", []).get("effect")
      const effect = directoryOf("planned/four/node_modules/effect")
      fs.mkdirSync(effect)
      fs.writeFileSync(path.join(effect, "package.json"), JSON.stringify({ name: "effect", version, exports: {} }))
      const { stdout } = await packed.run(`${awaited(plain)}\n${refusing}`, directoryOf("planned/four"))
      const [here, refused, ...rest] = stdout.split("\n")
      expect([here, ...rest]).toEqual(["/here", ""])
      expect(refused).toMatch(/^Error: tsgi\/effect needs Effect 3, but effect is 4\.\d+\.\d+, /)
      expect(refused).toContain(remedy)
    })
  })
})
