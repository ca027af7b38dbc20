/** Commands that fail, with the apps that make them fail. */
import { expect } from "vitest"
import type { Ended } from "../utils/processes.js"
import { write } from "./command.js"

// a part of the layer fails when it is built, after the server was built
const layer = `import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
const database = Layer.effectDiscard(Effect.zipRight(HttpServer.HttpServer, Effect.fail(new Error("no database"))))
export default Layer.merge(HttpServer.serve(HttpServerResponse.text("a")), database)
`

export type Failing = readonly [args: string, code: number, line: RegExp]

export const failing: ReadonlyArray<Failing> = [
  ["serve nix.ts", 4, /^tsgi: there is no nix\.ts \(tried .*\/nix\.ts\)/],
  ["serve hello", 4, /^tsgi: there is no hello; did you mean hello\.mjs\?/],
  ["serve hello.msj", 4, /did you mean hello\.mjs\?/],
  ["serve dist", 4, /^tsgi: dist is a folder; give the app's file/],
  ["serve hello.mjs:nix -p 0", 4, /hello\.mjs has no export nix: its exports are default/],
  ["serve number.mjs -p 0", 4, /number\.mjs's default export is a number, and no app: an app is/],
  ["serve listens.mjs -p 0", 4, /listens\.mjs has no default export: it exports nothing, and listens by itself/],
  ["serve throws.mjs -p 0", 4, /worker 1 failed to load throws\.mjs: Error: no luck \(throws\.mjs:1\)/],
  ["serve throws.mjs:make --factory -p 0", 4, /worker 1 failed to load throws\.mjs: Error: no luck/],
  ["serve factory.mjs:make --factory -p 0", 3, /worker 1 failed to start factory\.mjs: Error: no database/],
  ["serve exits.mjs -p 0", 3, /worker 1 exited with code 9 before it was ready/],
  [
    "serve exit7.mjs -p 0",
    3,
    /worker 1 exited with code 7 before it was ready: its app ended the process, or failed as is said above$/
  ],
  ["serve hello.mjs --set log=x -p 0", 2, /^tsgi: --set log: give --access-log -\|PATH\|none instead$/],
  ["check hello.mjs --set timeouts.grace=1s", 2, /^tsgi: --set timeouts\.grace: give --grace TIME instead$/],
  ["serve hello.mjs --prot 1", 2, /^tsgi: there is no flag --prot; did you mean --port\?/],
  ["serve hello.mjs --workers two", 2, /^tsgi: --workers two: must be auto, or a whole number/],
  ["serve hello.mjs -p 70000", 2, /^tsgi: --port 70000: must be a whole number from 0 to 65535/],
  ["serve hello.mjs --grace 5", 2, /^tsgi: --grace 5: must be a time with its unit, such as 5s or 5ms$/],
  ["serve hello.mjs --port", 2, /^tsgi: --port needs a value: N/],
  ["serve hello.mjs --set limits.bdy=1 -p 0", 2, /worker 1 failed to start: OptionError: .*limits\.bdy/],
  ["check hello.mjs --set limits.bdy=1", 2, /worker 1 failed to start: OptionError: .*limits\.bdy/],
  ["check hello.mjs --set rates.body=-1", 2, /worker 1 failed to start: OptionError: .*rates\.body/],
  ["serve hello.mjs --trusted-proxies nonsense", 2, /^tsgi: --trusted-proxies nonsense: must be .*one of loopback/],
  ["check hello.mjs --proxy-from *", 2, /^tsgi: --proxy-from \*: must be .*: \* would believe every client/],
  ["serve layer.mjs -p 0", 3, /worker 1 failed to start layer\.mjs: Error: no database$/],
  ["check layer.mjs", 3, /worker 1 failed to start layer\.mjs: Error: no database$/],
  ["serve hello.mjs --tls-cert a.pem", 2, /^tsgi: --tls-cert needs --tls-key/],
  [
    "serve hello.mjs --host 203.0.113.1",
    5,
    /^tsgi: cannot listen on http:\/\/203\.0\.113\.1:8090: this machine has no such address/
  ],
  ["serve hello.mjs --unix /nowhere/a.sock", 5, /no such folder/],
  ["sreve hello.mjs", 2, /^tsgi: there is no verb sreve; did you mean tsgi serve\?/],
  ["hello.mjs", 2, /did you mean tsgi serve hello\.mjs\?/],
  ["-w 2 serve hello.mjs", 2, /^tsgi: -w stands before the verb: give the verb first, as in tsgi serve … -w …$/],
  ["serve hello.mjs --host a --host b", 2, /^tsgi: --host is given twice: --listen URL may be/],
  ["serve hello.mjs -w 1 --workers 2", 2, /^tsgi: --workers is given twice$/],
  ["serve hello.mjs -b 127.0.0.1:80", 2, /^tsgi: there is no flag -b; give --listen http:\/\/HOST:PORT, or --host/],
  ["serve hello.mjs --reload", 2, /^tsgi: there is no flag --reload; give --watch, or tsgi dev$/],
  ["serve hello.mjs --threads=4", 2, /^tsgi: there is no flag --threads; give --workers N/],
  ["serve hello.mjs -c a.toml", 2, /^tsgi: there is no flag -c; give --config$/],
  ["serve hello.mjs named.mjs", 2, /^tsgi: serve takes one app: hello\.mjs is one, and named\.mjs another$/],
  ["serve hello:app", 4, /^tsgi: there is no hello; did you mean hello\.mjs:app\?/],
  ["check named.mjs", 4, /named\.mjs has no default export: its exports are app; did you mean named\.mjs:app\?/],
  ["check nothing.mjs", 4, /nothing\.mjs has no default export: it exports nothing: export the app as default$/],
  [
    "check runs.mjs",
    4,
    /it exports nothing, and handles SIGTERM or SIGINT \(NodeRuntime\.runMain and handleSignals do\): export/
  ],
  ["check express.mjs", 4, /express\.mjs's default export is made for node:http .*; it listens by itself, which is/],
  ["serve", 2, /^tsgi: give an app: tsgi serve \.\/app\.ts$/],
  ["start hello.mjs", 2, /^tsgi: there is no verb start; did you mean tsgi serve\?/],
  ["restart", 2, /^tsgi: there is no verb restart; did you mean tsgi reload\?/],
  ["ps", 2, /^tsgi: there is no verb ps; did you mean tsgi status\?/],
  ["logs", 2, /^tsgi: there is no verb logs: the server's lines go to standard error/],
  ["completions", 2, /^tsgi: give <shell>: tsgi completions bash \| zsh \| fish \| sh$/],
  ["scale 2000 --control /nix/a.sock", 2, /^tsgi: scale 2000: must be at most 1024$/],
  ["serve hello.mjs --fd 9", 5, /^tsgi: --fd 9: no socket was inherited as that$/],
  [
    "serve hello.mjs --pid-file nix/a.pid -p 0",
    5,
    /^tsgi: --pid-file \/.*\/nix\/a\.pid: there is no folder \/.*\/nix$/
  ],
  ["serve hello.mjs --cwd /nix -p 0", 2, /^tsgi: --cwd \/nix: there is no such folder$/],
  ["serve hello.mjs --import nix", 2, /^tsgi: --import nix: there is no such package here; is it installed/],
  ["serve hello.mjs --import ./nix.mjs", 2, /^tsgi: --import \.\/nix\.mjs: there is no \/.*\/nix\.mjs$/],
  ["serve leaves.mjs -p 0", 3, /exited with code 0 before it was ready: its app ended the process, which/],
  ["serve hello.mjs -p 0 --node-arg=--nix", 3, /exited with code 9 before it was ready: node refuses an argument/],
  ["check class.mjs", 4, /worker 1 failed to load: class\.mjs's default export must be a function .*class/],
  ["check missing.mjs", 4, /Cannot find package 'nix' .*; is it installed \(npm i\)\?$/],
  ["check esm.cjs", 4, /SyntaxError: Unexpected token 'export'.*; Node takes it for CommonJS: name it \.mjs, or set/],
  ["check cjs.js", 4, /is not defined in ES module scope.*; Node takes it for a module: name it \.cjs/]
]

export const writeFailing = (folder: string): void => {
  write(folder, "number.mjs", "export default 42")
  write(folder, "listens.mjs", `import { createServer } from "node:http"\ncreateServer().listen(0)`)
  write(folder, "throws.mjs", `throw new Error("no luck")`)
  write(folder, "exits.mjs", `process.exit(9)`)
  write(folder, "exit7.mjs", `process.exit(7)`)
  write(folder, "leaves.mjs", `process.exit(0)`)
  write(folder, "class.mjs", "export default class App {}")
  write(folder, "layer.mjs", layer)
  write(folder, "named.mjs", `export const app = () => ""`)
  write(folder, "nothing.mjs", "const a = 1")
  write(folder, "runs.mjs", `process.on("SIGTERM", () => {})\nsetInterval(() => {}, 1000)`)
  write(folder, "express.mjs", `import { createServer } from "node:http"\nexport default createServer().listen(0)`)
  write(folder, "missing.mjs", `import "nix"\nexport default () => ""`)
  write(folder, "esm.cjs", `export default () => ""`)
  write(folder, "cjs.js", `module.exports = () => ""`)
  write(folder, "factory.mjs", `export const make = async () => { throw new Error("no database") }`)
}

export const expectEnding = ([, code, line]: Failing, ended: Pick<Ended, "code" | "stderr">): void => {
  expect(ended.stderr.join("\n")).toMatch(new RegExp(line.source, "m"))
  expect(ended.stderr.filter((text) => text.startsWith("tsgi:"))).toHaveLength(1)
  expect(ended.code).toBe(code)
}
