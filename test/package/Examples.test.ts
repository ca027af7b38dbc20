/** The examples have comments that say how to try them, and some are tried here. Examples.long.test.ts tries all. */
import * as fs from "node:fs"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { compile } from "../utils/programs.js"
import { cases, start, testExamples } from "./exampleCases.js"

const root = path.resolve(import.meta.dirname, "../..")
const helpers = ["serve.ts", "effect/serve.ts"]
/** Examples that serve no clients from outside, and end by themselves. */
const alone = ["effect/memory.ts"]
/** Examples that need two processes: test/platform/Cluster.long.test.ts has two. */
const pairs = ["effect/cluster.ts"]
const tried = ["hello", "continue", "effect/connections"]

const files = fs.readdirSync(path.join(root, "examples"), { recursive: true, encoding: "utf8" })
  .map((file) => file.replaceAll(path.sep, "/"))
  .filter((file) => /^[^.]+\.ts$/.test(file) && !helpers.includes(file))

it("every example is tested, and nothing else is", () => {
  const served = files.filter((file) => !alone.includes(file) && !pairs.includes(file))
  expect(served.map((file) => file.replace(/\.ts$/, "")).sort()).toEqual(Object.keys(cases).sort())
})

describe.each(files)("examples/%s", (file) => {
  it("begins with a comment that says how to start and how to try it", () => {
    const source = fs.readFileSync(path.join(root, "examples", file), "utf8")
    expect(source.startsWith("/**\n * ")).toBe(true)
    const comment = source.slice(0, source.indexOf("*/"))
    expect(comment).toMatch(
      file === "hello.ts" ? /^ \*   npm start$/m : new RegExp(`^ \\*   npx tsx examples/${file}$`, "m")
    )
    if (!alone.includes(file)) expect(comment).toMatch(/^ \*   .*\bcurl /m)
  })
})

it.each(alone)("examples/%s prints what its first comment says", { timeout: 30_000 }, async (file) => {
  const source = fs.readFileSync(path.join(root, "examples", file), "utf8")
  await using program = start(file.replace(/\.ts$/, ""), {})
  const { code, stderr, stdout } = await program.ended
  expect([code, stderr]).toEqual([0, []])
  expect(stdout).toEqual([...source.slice(0, source.indexOf("*/")).matchAll(/^ \* {7}(.*)$/gm)].map(([, line]) => line))
})

testExamples(tried, async (folder) => {
  const files = [...tried.map((name) => `${name}.ts`), ...alone]
  await compile(path.join(root, "examples"), files, folder)
  return folder
})
