/** What a start of the command loads. It is counted in bytes, because the time depends on the machine. */
import * as fs from "node:fs"
import * as path from "node:path"
import { beforeAll, expect, it } from "vitest"
import { built } from "../utils/made.js"

let dist = ""
beforeAll(async () => {
  dist = path.join(await built(), "dist")
}, 120_000)

/** The files that are loaded with one file, including itself. */
const loadedWith = (entry: string): ReadonlyArray<string> => {
  const files = new Set([path.join(dist, entry)])
  for (const file of files) {
    for (const [, name] of fs.readFileSync(file, "utf8").matchAll(/\b(?:from|import)\s*"(\.[^"]+)"/g)) {
      files.add(path.resolve(path.dirname(file), name))
    }
  }
  return [...files]
}

const bytes = (files: ReadonlyArray<string>): number => files.reduce((sum, file) => sum + fs.statSync(file).size, 0)

it("can be started as it was built, without npm", () => {
  expect(fs.statSync(path.join(dist, "cli.js")).mode & 0o111).toBe(0o111)
})

it("help and version come from the first file and its tables", () => {
  expect(bytes(loadedWith("cli.js"))).toBeLessThan(40_000)
})

it("a worker hears its supervisor before it loads the engine", () => {
  expect(bytes(loadedWith("worker.js"))).toBeLessThan(40_000)
})

// A loader of TypeScript (tsx) rewrites each module that has an `import()`, with a source map for all of it.
it.each(["index", "effect", "testing", "worker"])("no large module behind %s imports another one later", (entry) => {
  const later = loadedWith(`${entry}.js`).filter((file) => /\bimport\(/.test(fs.readFileSync(file, "utf8")))
  expect(later.filter((file) => bytes([file]) > 25_000)).toEqual([])
})
