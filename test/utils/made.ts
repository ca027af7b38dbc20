/** Files that several tests need, made once in a run. */
import * as fs from "node:fs"
import * as path from "node:path"
import { once } from "./once.js"
import { run } from "./processes.js"
import { compile, linkPackages } from "./programs.js"

const root = path.resolve(import.meta.dirname, "../..")

/** The programs among the tests. They are compiled together, because most of what one needs is what all need. */
const programs = [
  "wsgi/inherited",
  "wsgi/signals",
  "node/activated",
  "node/disconnected",
  "node/fewDescriptors",
  "node/inheritor",
  "node/resumed",
  "doors/restarted",
  "doors/soak",
  "doors/unhandled"
] as const

/** Returns the file of such a program. */
export const program = async (name: typeof programs[number]): Promise<string> => {
  const folder = await once("programs", async (folder) => {
    linkPackages(folder)
    await compile(path.join(root, "test"), programs.map((name) => `${name}.ts`), folder)
  })
  return path.join(folder, `${name}.mjs`)
}

/** A copy of the project with a built `dist`. A `dist` in the checkout is not touched. */
export const built = (): Promise<string> =>
  once("built", async (folder) => {
    linkPackages(folder)
    for (const name of ["package.json", "tsconfig.json", "scripts", "src"]) {
      fs.cpSync(path.join(root, name), path.join(folder, name), { recursive: true })
    }
    const { code, stderr } = await run(process.execPath, ["scripts/build.js"], { cwd: folder })
    if (code !== 0) throw new Error(stderr.join("\n"))
  })

/** A folder with the examples as programs. */
export const examples = (): Promise<string> =>
  once("examples", async (folder) => {
    linkPackages(folder)
    const base = path.join(root, "examples")
    const files = fs.readdirSync(base, { recursive: true, encoding: "utf8" })
      .filter((file) => /^[^.]+\.ts$/.test(file) && path.basename(file) !== "serve.ts")
    await compile(base, files, folder)
  })
