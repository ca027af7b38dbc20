/**
 * The package as its users get it: packed, unpacked in an empty project and imported there. Package.long.test.ts has compilers,
 * bundlers and npm. The entry points are those of `exports` in package.json. Each must have its source, and each source its
 * entry.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import { publint } from "publint"
import { formatMessage } from "publint/utils"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { linksOf } from "../utils/markdown.js"
import { Program } from "../utils/processes.js"
import { effectful, exported, importing, manifest, Packed, paths, withoutEffect } from "./packed.js"

const root = path.resolve(import.meta.dirname, "../..")

it("every entry point has its source, and every source its entry point", () => {
  const existing = Object.keys(paths).filter((name) => fs.existsSync(path.join(root, paths[name]?.[0] ?? "")))
  expect([...exported].sort()).toEqual([...existing].sort())
  for (const name of exported) {
    const built = paths[name]?.[0].replace("./src/", "./dist/").replace(/\.ts$/, "")
    const checked: Readonly<Record<string, object>> = {
      "tsgi/effect": { require: "./dist/required.js", default: "./dist/checked.js" },
      "tsgi/cluster": { require: "./dist/requiredCluster.js", default: "./dist/checkedCluster.js" }
    }
    const files = checked[name] === undefined ? { default: `${built}.js` } : { module: `${built}.js`, ...checked[name] }
    expect(manifest.exports[name.replace("tsgi", ".")]).toEqual({ types: `${built}.d.ts`, ...files })
  }
})

// Whether a text has all lines of a source where they are, and those of its docstrings empty.
const isWithoutDocs = (text: string, source: string): boolean => {
  const lines = text.split("\n")
  const ofSource = source.split("\n")
  return lines.length === ofSource.length &&
    ofSource.every((line, i) => lines[i] === line || (lines[i] === "" && /^ *(?:\/\*\*| \*)/.test(line)))
}

describe.skipIf(exported.length === 0)("the packed package", { timeout: 180_000 }, () => {
  let packed: Packed
  beforeAll(async () => {
    packed = await Packed.make()
  }, 180_000)
  afterAll(() => packed[Symbol.asyncDispose](), 60_000)

  const typesOf = (entry: string): string => {
    const { types } = manifest.exports[entry.replace("tsgi", ".")] as { readonly types: string }
    return path.relative("./dist", types)
  }
  it("has what a package has", () => {
    const shipped = fs.readdirSync(path.join(packed.project, "node_modules/tsgi"))
    const present = manifest.files.filter((name) => fs.existsSync(path.join(packed.stage, name)))
    expect(present).toEqual(expect.arrayContaining(["dist", "src", "examples", "CHANGELOG.md", "LICENSE"]))
    const top = new Set(present.map((name) => name.replace(/^\//, "").split("/")[0]))
    expect([...shipped].sort()).toEqual([...top, "package.json"].sort())
  })

  it("has pages whose links lead to what is there, but for tests, which are in a checkout only", () => {
    const folder = path.join(packed.project, "node_modules/tsgi")
    const pages = fs.readdirSync(folder, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".md"))
    expect(pages).toEqual(expect.arrayContaining(["README.md", "src/wsgi/README.md", "examples/deploy/README.md"]))
    expect(pages.filter((name) => name.startsWith("test/"))).toEqual([])
    const broken = pages.flatMap((page) =>
      linksOf(fs.readFileSync(path.join(folder, page), "utf8"))
        .filter((target) => !/^(?:https?:|#)/.test(target))
        .map((target) => path.join(path.dirname(page), target.replace(/#.*/, "")))
        .filter((target) => !/^test\/.*\.(?:md|ts)$/.test(target) && !fs.existsSync(path.join(folder, target)))
        .map((target) => `${page}: ${target}`)
    )
    expect(broken).toEqual([])
  })

  it("has declarations that name no Effect, but for the door of that name", () => {
    const dist = path.join(packed.project, "node_modules/tsgi/dist")
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
    /** The packages that a declaration and its imports name, each with the path to it. */
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
    expect(withoutEffect).toEqual(["tsgi", "tsgi/protocol", "tsgi/testing"])
    expect(withoutEffect.flatMap((entry) => packagesOf(typesOf(entry)))).toEqual([])
    expect(effectful.flatMap((entry) => packagesOf(typesOf(entry))).join()).toContain(": effect/Effect")
  })

  it("imports without the optional peers, and has no other entry points", async () => {
    const program = `${
      importing([...withoutEffect, "tsgi/dist/index.js"])
    }\nprocess.stdout.write(JSON.stringify(errors))`
    expect(JSON.parse((await packed.run(program)).stdout)).toEqual([
      "tsgi/dist/index.js: ERR_PACKAGE_PATH_NOT_EXPORTED"
    ])
  })

  it("has a command that serves a plain app where no Effect is installed, in workers that load none", async () => {
    fs.writeFileSync(
      path.join(packed.project, "app.mjs"),
      `export default (env, startResponse) => {
        startResponse("200 OK", [["Content-Type", "text/plain"]])
        return "plain"
      }`
    )
    const command = path.join(packed.project, "node_modules/tsgi/dist/cli.js")
    expect(fs.existsSync(path.join(packed.project, "node_modules/effect"))).toBe(false)
    await using program = new Program(process.execPath, [command, "serve", "app.mjs", "--port", "0"], {
      cwd: packed.project,
      env: { TSGI_CONTROL: "none" }
    })
    const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    await program.line(/worker 1 \(\d+\) ready/)
    expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("plain")
    program.kill("SIGTERM")
    expect((await program.ended).code).toBe(0)
  })

  it("logs the frames of an app that fails, and none of those that have called it", async () => {
    const fails = "const fail = () => { throw new Error(\"out of order\") }"
    fs.writeFileSync(path.join(packed.project, "failing.mjs"), `${fails}\nexport default () => fail()`)
    fs.writeFileSync(path.join(packed.project, "broken.mjs"), `${fails}\nfail()`)
    const command = path.join(packed.project, "node_modules/tsgi/dist/cli.js")
    const start = (app: string) =>
      new Program(process.execPath, [command, "serve", app, "--port", "0"], {
        cwd: packed.project,
        env: { TSGI_CONTROL: "none" }
      })
    await using program = start("failing.mjs")
    const [, port] = await program.line(/listening on http:\/\/127\.0\.0\.1:(\d+)/)
    await program.line(/worker 1 \(\d+\) ready/)
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(500)
    await program.line(/"GET \/ HTTP/)
    const { stderr } = await start("broken.mjs").ended
    for (const lines of [program.stderr, stderr]) {
      const frames = lines.filter((line) => /^\s+at /.test(line))
      expect(frames[0]).toMatch(/^\s+at fail \(.*(?:failing|broken)\.mjs:1:/)
      expect(frames[1]).toMatch(/(?:failing|broken)\.mjs:2:/)
      expect(frames.filter((line) => line.includes("node_modules/tsgi/"))).toEqual([])
    }
  })

  it("has the licences of what it carries", () => {
    const licences = fs.readFileSync(path.join(packed.project, "node_modules/tsgi/dist/licenses.txt"), "utf8")
    const texts = new Map(licences.split(/^--- /m).slice(1).map((part) => [part.slice(0, part.indexOf(" ")), part]))
    expect([...texts.keys()]).toEqual([
      "@effect/cli",
      "@effect/platform",
      "@effect/platform-node",
      "@effect/platform-node-shared",
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
      "yaml",
      "Apache-2.0"
    ])
    expect(texts.get("effect")).toMatch(/MIT License[^]*Copyright EPFL/)
    expect(texts.get("Apache-2.0")).toContain("Version 2.0")
  })

  it("has source maps with their sources, line for line without docstrings, and what is carried debuggers pass over", () => {
    const directory = path.join(packed.project, "node_modules/tsgi/dist")
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
      const ours = map.sources.map((source) => path.join("dist", path.dirname(name), source))
      const differing = ours.filter((source, i) =>
        !source.startsWith("src/") ||
        !isWithoutDocs(map.sourcesContent[i] ?? "", fs.readFileSync(path.join(root, source), "utf8"))
      )
      expect(differing).toEqual([path.join("dist", path.dirname(name), "carried")])
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

  it("passes publint", async () => {
    const { messages, pkg } = await publint({ pack: { tarball: new Uint8Array(packed.tarball).buffer }, strict: true })
    expect(messages.map((message) => formatMessage(message, pkg ?? {}))).toEqual([])
  })
})
