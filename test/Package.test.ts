/**
 * The package as its users get it: packed, unpacked in an empty project, type-checked and imported there.
 * The entry points are those of `exports` in package.json; each must have its source, and each source its entry.
 */
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core"
import { execFileSync, spawnSync } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"

const root = path.resolve(import.meta.dirname, "..")
const readJson = <A>(file: string) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8")) as A

interface Manifest {
  readonly exports: Record<string, unknown>
  readonly files: ReadonlyArray<string>
  readonly dependencies: Record<string, string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>
}
const manifest = readJson<Manifest>("package.json")
const { compilerOptions: { paths } } = readJson<{
  readonly compilerOptions: { readonly paths: Record<string, readonly [string]> }
}>("tsconfig.json")

/** `./effect` in exports is `tsgi/effect` for the user. */
const exported = Object.keys(manifest.exports).filter((key) => key !== "./package.json")
  .map((key) => path.posix.join("tsgi", key).replace(/\/$/, ""))
const needsPlatform = (entry: string) => entry === "tsgi/effect"

it("every entry point has its source, and every source its entry point", () => {
  const existing = Object.keys(paths).filter((name) => fs.existsSync(path.join(root, paths[name]?.[0] ?? "")))
  expect([...exported].sort()).toEqual([...existing].sort())
  for (const name of exported) {
    const built = paths[name]?.[0].replace("./src/", "./dist/").replace(/\.ts$/, "")
    expect(manifest.exports[name.replace("tsgi", ".")])
      .toEqual({ types: `${built}.d.ts`, default: `${built}.js` })
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

  /** Packs a copy of the sources, so that a `dist` in the checkout is neither used nor touched. */
  beforeAll(() => {
    temporary = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-package-")))
    stage = path.join(temporary, "stage")
    project = path.join(temporary, "project")
    fs.mkdirSync(stage)
    for (const name of ["package.json", "tsconfig.json", "scripts", "src", "README.md", "CHANGELOG.md", "LICENSE"]) {
      if (fs.existsSync(path.join(root, name))) {
        fs.cpSync(path.join(root, name), path.join(stage, name), { recursive: true })
      }
    }
    fs.symlinkSync(path.join(root, "node_modules"), path.join(stage, "node_modules"), "dir")
    execFileSync("npm", ["pack", "--offline", "--pack-destination", temporary], { cwd: stage, stdio: "pipe" })
    const [packed] = fs.readdirSync(temporary).filter((name) => name.endsWith(".tgz"))
    tarball = fs.readFileSync(path.join(temporary, packed ?? "no tarball"))

    fs.mkdirSync(path.join(project, "node_modules/tsgi"), { recursive: true })
    fs.writeFileSync(path.join(project, "package.json"), JSON.stringify({ type: "module" }))
    execFileSync("tar", ["-xzf", "-", "--strip-components=1"], {
      cwd: path.join(project, "node_modules/tsgi"),
      input: tarball
    })
    const required = Object.keys(manifest.peerDependencies)
      .filter((name) => manifest.peerDependenciesMeta[name]?.optional !== true)
    for (const name of ["@types/node", ...Object.keys(manifest.dependencies), ...required]) link(name)
  }, 180_000)

  afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

  /** Type-checks a consumer of each entry, and the declarations we ship; `TS<code> file` for each error. */
  const typeErrors = (entries: ReadonlyArray<string>, resolution: ts.CompilerOptions): ReadonlyArray<string> => {
    const files = entries.map((entry, i) => {
      const file = path.join(project, `consumer${i}.ts`)
      fs.writeFileSync(
        file,
        `import * as entry from ${JSON.stringify(entry)}\nexport const names = Object.keys(entry)\n`
      )
      return file
    })
    const program = ts.createProgram(files, {
      ...resolution,
      target: ts.ScriptTarget.ES2022,
      types: ["node"],
      typeRoots: [path.join(project, "node_modules/@types")],
      strict: true,
      exactOptionalPropertyTypes: true,
      noEmit: true
    })
    const ours = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(project))
    const diagnostics = [
      ...program.getOptionsDiagnostics(),
      ...ours.flatMap((file) => [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)])
    ]
    return diagnostics.map(({ code, file, messageText }) =>
      `TS${code} ${path.relative(project, file?.fileName ?? project)}: ${
        ts.flattenDiagnosticMessageText(messageText, " ")
      }`
    )
  }

  /** What a program prints. */
  const run = (program: string, directory = project) => {
    const { status, stderr, stdout } = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
      cwd: directory,
      encoding: "utf8",
      timeout: 60_000
    })
    if (status !== 0) throw new Error(`exit ${status}: ${stderr}`)
    return { stderr, stdout }
  }

  const importErrors = (entries: ReadonlyArray<string>): ReadonlyArray<string> => {
    const program = `
      const errors = []
      for (const entry of ${JSON.stringify(entries)}) {
        const module = await import(entry).catch((error) => ({ error: errors.push(entry + ": " + error.code) }))
        if (Object.keys(module).length === 0) errors.push(entry + ": exports nothing")
      }
      process.stdout.write(JSON.stringify(errors))`
    return JSON.parse(run(program).stdout) as ReadonlyArray<string>
  }

  const resolutions: ReadonlyArray<[string, ts.CompilerOptions]> = [
    ["NodeNext", { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext }],
    ["bundler", { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler }]
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
    expect(present).toEqual(expect.arrayContaining(["dist", "src", "CHANGELOG.md", "LICENSE"]))
    expect([...shipped].sort()).toEqual([...present, "package.json"].sort())
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

  it.each(resolutions)("type-checks without the optional peers, %s", (_, resolution) => {
    expect(typeErrors(facade, resolution)).toEqual([])
  })

  it("imports without the optional peers", () => {
    expect(importErrors(facade)).toEqual([])
  })

  it("serves from the facade without Effect installed, whose licence it carries", () => {
    const bare = path.join(temporary, "bare")
    fs.cpSync(path.join(project, "node_modules/tsgi"), path.join(bare, "node_modules/tsgi"), { recursive: true })
    for (const name of Object.keys(manifest.dependencies)) link(name, bare)
    const program = `
      import { listen, server } from "tsgi"
      const running = server(listen(), (env, startResponse) => {
        startResponse("200 OK", [])
        return env.PATH_INFO
      }, { logOutput: false })
      const { port } = await running.ready
      const response = await fetch("http://127.0.0.1:" + port + "/here", { headers: { connection: "close" } })
      const effect = await import("effect").catch((error) => error.code)
      process.stdout.write([await response.text(), (await running.stop()).cut, effect].join())`
    expect(run(program, bare).stdout).toBe("/here,0,ERR_MODULE_NOT_FOUND")
    const licences = path.join(bare, "node_modules/tsgi/dist/licenses")
    expect(fs.readFileSync(path.join(licences, "effect"), "utf8")).toMatch(/MIT License[^]*Copyright EPFL/)
    expect(fs.readFileSync(path.join(licences, "Apache-2.0"), "utf8")).toContain("Version 2.0")
  })

  it("takes at its facade what was made with an Effect of another version, and says nothing of it", () => {
    const program = `
      // before anything else of Effect is there to ask for it
      const { setCurrentVersion } = await import("effect/ModuleVersion")
      setCurrentVersion("3.21.0")
      const { BindError, server } = await import("tsgi")
      const { MemoryListener } = await import("tsgi/testing")
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
      process.stdout.write([body, accepted?.metricState.count, error instanceof BindError, error.reason].join())`
    const { stderr, stdout } = run(program)
    expect(stdout).toBe("/here,1,true,AddressInUse")
    expect(stderr).not.toContain("version")
  })

  it("has a source map of which the sources are there", () => {
    const directory = path.join(project, "node_modules/tsgi/dist")
    const map = JSON.parse(fs.readFileSync(path.join(directory, "index.js.map"), "utf8")) as {
      readonly sources: ReadonlyArray<string>
      readonly sourcesContent: ReadonlyArray<string | null>
      readonly ignoreList: ReadonlyArray<number>
    }
    const missing = map.sources.filter((source, i) =>
      map.sourcesContent[i] === null && !fs.existsSync(path.join(directory, source))
    )
    expect(missing).toEqual([])
    expect(map.ignoreList.length).toBeGreaterThan(0)
    expect(map.ignoreList.filter((i) => !map.sources[i]?.includes("node_modules"))).toEqual([])
  })

  it("has no other entry points", () => {
    const [[, nodeNext] = []] = resolutions
    expect(typeErrors(["tsgi/server/none"], nodeNext ?? {})).toEqual([expect.stringMatching(/^TS2307 consumer0\.ts/)])
    expect(importErrors(["tsgi/dist/index.js"])).toEqual(["tsgi/dist/index.js: ERR_PACKAGE_PATH_NOT_EXPORTED"])
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

    it.each(resolutions)("type-checks, %s", (_, resolution) => {
      expect(typeErrors(effectful, resolution)).toEqual([])
    })

    it("imports", () => {
      expect(importErrors(effectful)).toEqual([])
    })
  })
})
