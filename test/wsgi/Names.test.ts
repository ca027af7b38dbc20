/** Each of eventlet's 88 tests has a test of its name here, or a replacement. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"
import { names } from "./names.js"
import { replaced } from "./replaced.js"

const here = import.meta.dirname

it("every name of eventlet's is one test or is replaced by something", () => {
  expect(names).toHaveLength(88)
  const tests = fs.readdirSync(here).filter((file) => file.endsWith(".test.ts")).flatMap((file) =>
    [...fs.readFileSync(path.join(here, file), "utf8").matchAll(/^\s*it\(\s*"(test_\w+)"/gm)].map(([, name]) => name)
  )
  expect([...tests, ...Object.keys(replaced)].sort()).toEqual([...names].sort())
})
