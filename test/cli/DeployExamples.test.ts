/**
 * Each example with a default export is an app for the command too. Here a worker serves one of each kind;
 * DeployExamples.long.test.ts checks the kind of each.
 */
import { build } from "esbuild"
import { spawn } from "node:child_process"
import { randomBytes } from "node:crypto"
import { on, once } from "node:events"
import * as fs from "node:fs"
import * as path from "node:path"
import { bind } from "tsgi"
import { afterAll, beforeAll, expect, it } from "vitest"
import { firstDescriptor, isFromWorker, marked } from "../../src/cli/messages.js"
import { get } from "./asking.js"
import { folderWithCommand } from "./command.js"
import { apps } from "./exampleApps.js"

const examples = path.resolve(import.meta.dirname, "../../examples")

/** The targets that are requested of the examples that are served. */
const served: Readonly<Record<string, string>> = { hello: "/", hono: "/hello/you", "effect/swap": "/hello/you" }

const files = fs.readdirSync(examples, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))

let folder: string
beforeAll(async () => {
  folder = await folderWithCommand("examples-served")
  // an example finds the package by its name, as in a checkout
  const exported = { ".": "./dist/index.js", "./effect": "./dist/effect.js" }
  fs.writeFileSync(
    path.join(folder, "package.json"),
    JSON.stringify({ name: "tsgi", version: "0.0.0-test", type: "module", exports: exported })
  )
  await build({
    entryPoints: [...Object.keys(served), "serve", "effect/serve"].map((name) => path.join(examples, `${name}.ts`)),
    outbase: examples,
    outdir: path.join(folder, "examples"),
    format: "esm",
    target: "node20"
  })
}, 60_000)
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

it("all examples with a default export are here", () => {
  const exporting = files.filter((name) => /^export default/m.test(fs.readFileSync(path.join(examples, name), "utf8")))
  expect(exporting.map((name) => name.replace(/\.ts$/, "")).sort()).toEqual(Object.keys(apps).sort())
})

it.each(Object.entries(served))("%s is served", { timeout: 60_000 }, async (name, target) => {
  const { address, close, fd } = await bind()
  if (address._tag !== "Tcp") throw new Error("not TCP")
  const worker = spawn(process.execPath, [path.join(folder, "dist/worker.js")], {
    cwd: folder,
    serialization: "advanced",
    stdio: ["ignore", "ignore", "inherit", "ipc", fd]
  })
  const ended = once(worker, "exit")
  try {
    await once(worker, "message")
    worker.send(marked({
      type: "serve",
      app: {
        name,
        file: path.join(folder, "examples", `${name}.js`),
        export: "default",
        factory: false,
        interface: "auto"
      },
      listeners: [{ fd: firstDescriptor, backlog: 511, tls: undefined, proxy: undefined, proxyFrom: undefined }],
      addresses: ["fd:4"],
      others: [],
      options: {},
      accessLog: "none",
      logFormat: undefined,
      announce: true,
      settle: 0,
      grace: 0,
      title: "worker",
      multiprocess: false,
      slot: 1,
      generation: 1,
      tellAfter: 0,
      ticketKeys: randomBytes(48)
    }))
    let told: unknown
    for await (const [message] of on(worker, "message")) {
      told = message
      if (!isFromWorker(told) || told.type !== "loaded") break
    }
    expect(isFromWorker(told) && told).toMatchObject({ type: "ready", interface: apps[name], warnings: [] })
    expect(await get(address, target)).toMatch(/^200 /)
  } finally {
    worker.kill("SIGKILL")
    await ended
    close()
  }
})
