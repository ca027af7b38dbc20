/** The package as its users get it: packed, and unpacked in an empty project without other packages. */
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { expect } from "vitest"
import { built } from "../utils/made.js"

const root = path.resolve(import.meta.dirname, "../..")
export const readJson = <A>(file: string) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8")) as A

export interface Manifest {
  readonly version: string
  readonly scripts: Record<string, string>
  readonly exports: Record<string, unknown>
  readonly files: ReadonlyArray<string>
  readonly peerDependencies: Record<string, string>
  readonly peerDependenciesMeta: Record<string, { readonly optional: boolean }>
}
export const manifest = readJson<Manifest>("package.json")
export const { compilerOptions: { paths } } = readJson<{
  readonly compilerOptions: { readonly paths: Record<string, readonly [string]> }
}>("tsconfig.json")

/** It is awaited, because the runner cannot work while the event loop is blocked. */
export const execute = promisify(execFile)

/** `./effect` in exports is `tsgi/effect` for the user. */
export const exported = Object.keys(manifest.exports).filter((key) => key !== "./package.json")
  .map((key) => path.posix.join("tsgi", key).replace(/\/$/, ""))
const needsPlatform = (entry: string) => entry === "tsgi/effect" || entry === "tsgi/cluster"
/** The entry points that need no Effect. */
export const withoutEffect = exported.filter((entry) => !needsPlatform(entry))
export const effectful = exported.filter(needsPlatform)

/** Code of a program that puts the failures of imports into `errors`. */
export const importing = (entries: ReadonlyArray<string>): string => `
  const errors = []
  for (const entry of ${JSON.stringify(entries)}) {
    const module = await import(entry).catch((error) => ({ error: errors.push(entry + ": " + error.code) }))
    if (Object.keys(module).length === 0) errors.push(entry + ": exports nothing")
  }`

export class Packed implements AsyncDisposable {
  private constructor(
    /** A folder around the others. */
    readonly temporary: string,
    /** The folder that was packed. */
    readonly stage: string,
    /** A project that has the package. */
    readonly project: string,
    readonly file: string
  ) {}

  /** Packs a copy of the sources that was built, so that a `dist` in the checkout is neither used nor touched. */
  static async make(): Promise<Packed> {
    const temporary = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-package-")))
    const stage = path.join(temporary, "stage")
    const project = path.join(temporary, "project")
    fs.cpSync(path.join(await built(), "dist"), path.join(stage, "dist"), { recursive: true })
    // the pages of the tests are in a checkout, and are not packed
    const pages = ["test/README.md", "test/bench/README.md"]
    for (const name of ["package.json", ...pages, ...manifest.files.filter((name) => !/^!|^dist$/.test(name))]) {
      fs.cpSync(path.join(root, name), path.join(stage, name), { recursive: true })
    }
    expect(manifest.scripts).toMatchObject({ prepack: "npm run build", build: "node scripts/build.js" })
    await execute("npm", ["pack", "--ignore-scripts", "--offline", "--pack-destination", temporary], { cwd: stage })
    const file = path.join(temporary, `tsgi-${manifest.version}.tgz`)
    fs.mkdirSync(path.join(project, "node_modules/tsgi"), { recursive: true })
    fs.writeFileSync(path.join(project, "package.json"), JSON.stringify({ type: "module" }))
    await execute("tar", ["-xzf", file, "--strip-components=1"], { cwd: path.join(project, "node_modules/tsgi") })
    return new Packed(temporary, stage, project, file)
  }

  get tarball(): Buffer<ArrayBuffer> {
    return fs.readFileSync(this.file)
  }

  /** Puts a package that is installed here into a project. */
  link(name: string, into = this.project): void {
    const target = path.join(into, "node_modules", name)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.symlinkSync(path.join(root, "node_modules", name), target, "dir")
  }

  /** Runs a program in a project, and returns its output. */
  run(program: string, directory = this.project) {
    return execute(process.execPath, ["--input-type=module", "-e", program], { cwd: directory, timeout: 60_000 })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return fs.promises.rm(this.temporary, { recursive: true, force: true })
  }
}
