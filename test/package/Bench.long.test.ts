/** The benchmark's command refuses invalid options, and the guard's figure is near the recorded one. */
import { build } from "esbuild"
import { execFile } from "node:child_process"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { built } from "../utils/made.js"
import { Program } from "../utils/processes.js"

const root = path.resolve(import.meta.dirname, "../..")
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-bench-test-"))
afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

/** The benchmark as `npm run bench:build` makes it, because another build of the sources allocates other amounts. */
const benchmark = async (): Promise<string> => {
  const project = await built()
  const bench = path.join(project, "test/bench")
  const sources = fs.readdirSync(path.join(root, "test/bench"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.split(path.sep).includes("dist"))
  await build({
    entryPoints: sources.map((name) => path.join(root, "test/bench", name)),
    outbase: path.join(root, "test/bench"),
    outdir: path.join(bench, "dist"),
    target: "es2022",
    format: "esm"
  })
  // this contains the parts of Effect that it needs, so that its two processes do not load all of Effect
  await build({
    entryPoints: [path.join(root, "test/bench/guard.ts")],
    outfile: path.join(bench, "dist/guard.js"),
    absWorkingDir: project,
    alias: { "tsgi/effect": path.join(project, "dist/effect.js"), tsgi: path.join(project, "dist/index.js") },
    bundle: true,
    platform: "node",
    target: "es2022",
    format: "esm",
    logLevel: "error",
    banner: {
      js: "import { createRequire as requireHere } from \"node:module\"; const require = requireHere(import.meta.url)"
    }
  })
  fs.copyFileSync(path.join(root, "test/bench/guard.json"), path.join(bench, "guard.json"))
  return path.join(bench, "dist")
}

let dist: string
beforeAll(async () => {
  dist = await benchmark()
})

describe("the command", () => {
  const wrongs = [
    [["--bogus"], /^Unknown option '--bogus'/],
    [["--rounds", "few"], /^--rounds must be a number of at least 1\n/],
    [["--cores", "0"], /^--cores takes two numbers, such as 0,2\n/],
    [["--only", "hello,nothing"], /^--only nothing: no measurement begins so\n/],
    [["--against", "/nowhere"], /^--against \/nowhere: no benchmark is built there; run `npm run bench:build` in it\n/]
  ] as const
  // no test needs wrk: a file of that name is enough to reach the options
  beforeAll(() => fs.writeFileSync(path.join(temporary, "wrk"), "#!/bin/sh\n", { mode: 0o755 }))

  it.each(wrongs)("%s is told in a line, with the options", async (args, told) => {
    await using command = new Program(process.execPath, [path.join(dist, "run.js"), ...args], {
      cwd: root,
      env: { PATH: `${temporary}:${process.env.PATH}` }
    })
    const { code, stderr, stdout } = await command.ended
    expect([code, stdout]).toEqual([2, []])
    expect(stderr.join("\n")).toMatch(told)
    expect(stderr.join("\n")).toContain("--only <ids>")
    expect(stderr.join("\n")).not.toContain("    at ")
  })
})

it("the guard finds about the figures that were kept", async () => {
  const kept = JSON.parse(fs.readFileSync(path.join(root, "test/bench/guard.json"), "utf8")) as Record<string, number>
  const { stdout } = await promisify(execFile)(process.execPath, [path.join(dist, "guard.js"), "--short"])
  const found = Object.fromEntries(
    [...stdout.matchAll(/^(\w+): (\d+) bytes/gm)].map(([, door, n]) => [door, Number(n)])
  )
  const { node, ...doors } = kept
  expect(Object.keys(found)).toEqual(Object.keys(doors))
  // another version of V8 allocates other amounts
  const most = process.versions.node.startsWith(`${node}.`) ? 1.25 : 1.6
  for (const [door, bytes] of Object.entries(found)) expect(bytes / doors[door], door).toBeLessThan(most)
}, 60_000)
