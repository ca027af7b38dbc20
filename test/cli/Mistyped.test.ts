/**
 * Names that a user mistypes: verbs and flags of this and of other programs, files, exports. Each message names the thing and the
 * remedy. Nothing is started; Serve.test.ts has the exit codes.
 */
import { transformSync } from "esbuild"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import ts from "typescript"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { find } from "../../src/cli/appFile.js"
import { parse } from "../../src/cli/commandLine.js"
import * as ConfigFile from "../../src/cli/ConfigFile.js"
import { load } from "../../src/cli/loadApp.js"
import { read } from "../../src/cli/Settings.js"

let folder: string
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-mistyped-"))
})
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

const write = (name: string, text: string): void => {
  fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true })
  fs.writeFileSync(path.join(folder, name), text)
}

describe("a verb", () => {
  it.each([
    ["server app.mjs", "there is no verb server; did you mean tsgi serve?"],
    ["app.mjs", "there is no verb app.mjs; did you mean tsgi serve app.mjs?"],
    ["app.ts:make", "there is no verb app.ts:make; did you mean tsgi serve app.ts:make?"],
    ["./dist", "there is no verb ./dist; did you mean tsgi serve ./dist?"],
    ["src/app", "there is no verb src/app; did you mean tsgi serve src/app?"],
    ["reoad", "there is no verb reoad; did you mean tsgi reload?"],
    ["up", "there is no verb up; did you mean tsgi serve?"],
    ["version", "there is no verb version: give tsgi --version"],
    ["logs", "there is no verb logs: the server's lines go to standard error, requests to --access-log"],
    ["-w 2 app.mjs", "-w is a flag of tsgi serve: give the verb first, as in tsgi serve … -w …"],
    ["-p8080 app.mjs", "-p8080 is a flag of tsgi serve: give the verb first, as in tsgi serve … -p8080 …"],
    ["--port=80 app.mjs", "--port=80 is a flag of tsgi serve: give the verb first, as in tsgi serve … --port=80 …"],
    ["-x app.mjs", "there is no flag -x; see tsgi --help"],
    ["-w 2 serve app.mjs", "-w stands before the verb: give the verb first, as in tsgi serve … -w …"]
  ])("tsgi %s", (words, message) => {
    expect(() => parse(words.split(" "))).toThrow(message)
  })
})

describe("a flag", () => {
  it.each([
    ["--prot 1", "there is no flag --prot; did you mean --port?"],
    ["--worker 2", "there is no flag --worker; did you mean --workers?"],
    ["--work=2", "there is no flag --work; did you mean --workers?"],
    ["--max-mem 1GiB", "there is no flag --max-mem; did you mean --max-memory?"],
    ["--quux", "there is no flag --quux; see tsgi serve --help"],
    ["--bind 0.0.0.0:80", "there is no flag --bind; give --listen http://HOST:PORT, or --host and --port"]
  ])("%s", (words, message) => {
    expect(() => parse(["serve", "app.mjs", ...words.split(" ")])).toThrow(message)
  })
})

describe("a value", () => {
  it.each([
    ["--listen 8090", /^--listen 8090: must be http:.*; did you mean http:\/\/127\.0\.0\.1:8090\?$/],
    ["--listen localhost", /; did you mean http:\/\/localhost:8090\?$/],
    ["--listen ftp://a:1", /or fd:3$/],
    ["--max-memory 100", /^--max-memory 100: must be 0, or a size with its unit from 32MiB up$/],
    ["--max-memory 100GIB5", /^--max-memory 100GIB5: must be a size/],
    ["--tls-cert a.pem", /^--tls-cert needs --tls-key$/],
    ["--tls-key a.pem", /^--tls-key needs --tls-cert$/],
    ["--listen https://127.0.0.1:1", /needs --tls-cert and --tls-key$/]
  ])("%s", (words, message) => {
    const { flags } = parse(["serve", "app.mjs", ...words.split(" ")])
    expect(() => read({ flags, env: {}, file: undefined, cwd: "/srv" })).toThrow(message)
  })
})

describe("a file of settings", () => {
  it("is not there, has another name, or a key that is none", async () => {
    await expect(ConfigFile.read("nix.json", folder)).rejects.toThrow(/^--config \/.*nix\.json: there is no such file$/)
    write("settings.mjs", "")
    await expect(ConfigFile.read("settings.mjs", folder)).rejects.toThrow(/must end in \.json, \.yaml or \.toml$/)
    const file = { name: "tsgi.json", values: { wrokers: 2 } }
    expect(() => read({ flags: {}, env: {}, file, cwd: "/srv" })).toThrow(
      "tsgi.json: there is no setting wrokers; did you mean workers?"
    )
    // that file would not be read
    const nested = { name: "tsgi.json", values: { config: "other.json" } }
    expect(() => read({ flags: {}, env: {}, file: nested, cwd: "/srv" })).toThrow(
      "tsgi.json: there is no setting config"
    )
  })
})

describe("the app's path", () => {
  it.each([
    ["nix.mjs", /^there is no nix\.mjs \(tried \/.*\/nix\.mjs\)$/],
    ["shop", /^there is no shop; did you mean shop\.ts\?$/],
    ["shop.tss", /^there is no shop\.tss \(tried .*\); did you mean shop\.ts\?$/],
    ["Shop.ts:app", /^there is no Shop\.ts \(tried .*\); did you mean shop\.ts:app\?$/],
    ["empty", /^empty is a folder; give the app's file, as in empty\/app\.js$/],
    ["full", /^full is a folder; give the app's file; did you mean full\/index\.js\?$/]
  ])("%s", (given, message) => {
    write("shop.ts", "")
    write("full/index.js", "")
    fs.mkdirSync(path.join(folder, "empty"), { recursive: true })
    expect(() => find(given, folder)).toThrow(message)
  })
})

describe("the app's module", () => {
  const loaded = async (name: string, text: string, more: Partial<Parameters<typeof load>[0]> = {}) => {
    write(name, text)
    const source = {
      name,
      file: path.join(folder, name),
      export: "default",
      factory: false,
      interface: "auto"
    } as const
    return load({ ...source, ...more }, () => undefined)
  }

  it.each([
    [
      "default.mjs",
      "export default () => 1",
      "ap",
      /has no export ap: its exports are default; did you mean default\.mjs\?$/
    ],
    ["two.mjs", "export const a = 1, app = () => 1", "default", /its exports are a, app; did you mean two\.mjs:app\?$/],
    ["one.mjs", "export const shop = () => 1", "default", /its exports are shop; did you mean one\.mjs:shop\?$/],
    ["none.mjs", "export const a = 1, b = 2", "default", /its exports are a, b$/],
    ["within.cjs", "exports.app = () => 1", "default", /is an object with app, .*; did you mean within\.cjs:app\?$/],
    ["inside.mjs", "export default { shop: () => 1 }", "default", /; did you mean inside\.mjs:shop\?$/],
    ["data.mjs", "export default { a: 1 }", "default", /is an object with a, and no app: an app is [^?]*$/]
  ])("%s", async (name, text, exported, message) => {
    await expect(loaded(name, text, { export: exported })).rejects.toThrow(message)
  })

  const source = "export const other = (env, startResponse) => []; export default other"
  it.each([
    ["tsc", ts.transpileModule(source, { compilerOptions: { module: ts.ModuleKind.CommonJS } }).outputText],
    ["esbuild", transformSync(source, { format: "cjs" }).code]
  ])("is a default export that %s compiled to CommonJS", async (compiler, text) => {
    expect(await loaded(`${compiler}.cjs`, text)).toMatchObject({ kind: "wsgi", warnings: [] })
    expect(await loaded(`${compiler}.cjs`, text, { export: "other" })).toMatchObject({ kind: "wsgi" })
  })

  it.each([
    ["node.mjs", "(req, res) => { res.end() }", /takes \(req, res\), as handlers of node:http do; an app is/],
    ["express.mjs", "async function handle(request, response, next) {}", /takes \(req, res\)/],
    [
      "fetch.mjs",
      "async (request) => new Response(request.url)",
      /takes \(request\), as fetch handlers do: --interface/
    ],
    ["bare.mjs", "req => new Response(req.url)", /takes \(req\), as fetch handlers do/],
    ["factory.mjs", "() => (env, startResponse) => []", /takes no arguments: --factory serves what it returns/],
    ["wsgi.mjs", "(env, startResponse) => []", undefined],
    ["short.mjs", "function (env) { return [] }", undefined],
    ["rest.mjs", "(...args) => []", undefined]
  ])("%s is served, with a hint where it is probably another kind", async (name, text, hint) => {
    const { kind, warnings } = await loaded(name, `export default ${text}`)
    expect([kind, warnings]).toEqual(["wsgi", hint === undefined ? [] : [expect.stringMatching(hint)]])
  })

  it("is TypeScript in a package, which Node does not run", async () => {
    const text =
      `throw Object.assign(new Error("Stripping types is currently unsupported for files under node_modules"), {
      code: "ERR_UNSUPPORTED_NODE_MODULES_TYPE_STRIPPING"
    })`
    await expect(loaded("package.mjs", text)).rejects.toThrow(
      /; Node runs no TypeScript of packages \(node_modules\): give a file that is compiled to JavaScript$/
    )
  })

  it("is an app where a factory was asked for", async () => {
    await expect(
      loaded("app.mjs", `export default (env, startResponse) => { startResponse("200 OK", []) }`, { factory: true })
    ).rejects.toThrow(/; it takes 2 arguments, and --factory gives none: leave --factory out where it is the app$/)
    const failing = loaded("own.mjs", `export default () => { throw new Error("no database") }`, { factory: true })
    await expect(failing).rejects.toThrow(/^no database$/)
  })
})
