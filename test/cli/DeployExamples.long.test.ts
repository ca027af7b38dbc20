/** The examples that are apps for the command are of their kind, and do nothing that is the command's part. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"
import { examples } from "../utils/made.js"
import { run } from "../utils/processes.js"
import { compile, folderFor } from "../utils/programs.js"
import { apps } from "./exampleApps.js"

it("all are apps of their kind, and no more", { timeout: 60_000 }, async () => {
  const programs = await examples()
  const folder = folderFor("examples-loaded")
  await compile(path.resolve(import.meta.dirname, "../../src/cli"), ["loadApp.ts"], folder)
  const { code, stderr, stdout } = await run(process.execPath, [
    "--input-type=module",
    "-e",
    `import { load } from "./loadApp.mjs"
    for (const name of ${JSON.stringify(Object.keys(apps))}) {
      const file = ${JSON.stringify(programs)} + "/" + name + ".mjs"
      const source = { name, file, export: "default", factory: false, interface: "auto" }
      const { kind, warnings } = await load(source, () => undefined)
      console.log(JSON.stringify([name, kind, ...warnings]))
    }`
  ], { cwd: folder })
  fs.rmSync(folder, { recursive: true, force: true })
  expect([code, stderr]).toEqual([0, []])
  expect(stdout.map((line) => JSON.parse(line) as unknown)).toEqual(Object.entries(apps))
})
