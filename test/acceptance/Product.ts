/** The product as a user has it: packed, and installed by npm into an empty folder, with the Node that runs it. */
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { type Ended, Program } from "../utils/processes.js"

const execute = promisify(execFile)
const root = path.resolve(import.meta.dirname, "../..")

export interface Product {
  /** The project in which it is installed. */
  readonly folder: string
  /** Of Node. */
  readonly version: string
  /** Starts a program of the project, such as `tsgi` or `node`, with this Node. */
  readonly start: (command: string, args: ReadonlyArray<string>, env?: Readonly<Record<string, string>>) => Program
  readonly run: (command: string, ...args: ReadonlyArray<string>) => Promise<Ended>
  readonly write: (name: string, text: string) => string
}

const npm = (args: ReadonlyArray<string>, cwd: string) =>
  execute("npm", [...args, "--no-audit", "--no-fund", "--prefer-offline"], { cwd, timeout: 300_000 })

const emptyProject = (folder: string): void => {
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }))
}

const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8")) as {
  readonly devDependencies: Readonly<Record<string, string>>
}
/** The packages that the apps of the checks use. */
const companions = ["effect", "@effect/platform", "@effect/platform-node", "hono", "tsx"]
  .map((name) => `${name}@${manifest.devDependencies[name]}`)

/** The folder of a Node: of the one that runs this, of a path, or of a version, which is installed. */
const folderOfNode = async (asked: string | undefined, temporary: string): Promise<string> => {
  if (asked === undefined) return path.dirname(process.execPath)
  if (!/^\d[\d.]*$/.test(asked)) return path.dirname(path.resolve(asked))
  const folder = path.join(temporary, `node-${asked}`)
  emptyProject(folder)
  await npm(["install", `node@${asked}`], folder)
  return path.join(folder, "node_modules/node/bin")
}

/**
 * Packs the checkout and installs it.
 *
 * @param asked path of a `node`, or a version of it; absent for the one that runs this
 * @param given folder in which to work, used again where it has the product already; absent for a temporary one
 */
export const install = async (asked: string | undefined, given: string | undefined): Promise<Product> => {
  const temporary = given ?? fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-acceptance-"))
  // a user without rights must be able to read this folder
  fs.mkdirSync(temporary, { recursive: true })
  fs.chmodSync(temporary, 0o755)
  if (given === undefined) process.once("exit", () => fs.rmSync(temporary, { recursive: true, force: true }))
  const folder = path.join(temporary, "shop")
  if (!fs.existsSync(path.join(folder, "node_modules/tsgi"))) {
    await npm(["pack", "--pack-destination", temporary], root)
    const packed = fs.readdirSync(temporary).filter((name) => name.endsWith(".tgz"))
    emptyProject(folder)
    await npm(["install", ...packed.map((name) => path.join(temporary, name)), ...companions], folder)
  }
  const nodes = await folderOfNode(asked, temporary)
  const node = path.join(nodes, "node")
  const { stdout } = await execute(node, ["--version"])
  const bin = path.join(folder, "node_modules/.bin")
  const start: Product["start"] = (command, args, env) => {
    const own = command === "node" ? node : path.join(bin, command)
    return new Program(fs.existsSync(own) ? own : command, args, {
      cwd: folder,
      env: { PATH: [nodes, bin, process.env.PATH].join(path.delimiter), TSGI_CONTROL: "none", ...env }
    })
  }
  return {
    folder,
    version: stdout.trim(),
    start,
    run: (command, ...args) => start(command, args).ended,
    write: (name, text) => {
      const file = path.join(folder, name)
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, text)
      return file
    }
  }
}
