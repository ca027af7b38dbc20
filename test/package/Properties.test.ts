/** Properties are tried with examples as long as they allow, and no file changes for another how that is done. */
import * as fc from "fast-check"
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"

const tests = path.resolve(import.meta.dirname, "..")

it("examples are as long as maxLength allows", () => {
  const lengths = fc.sample(fc.uint8Array({ maxLength: 300 }), 100).map((bytes) => bytes.length)
  expect(Math.max(...lengths)).toBeGreaterThan(250)
})

it("what holds for all properties is set in one place", () => {
  const files = fs.readdirSync(tests, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".ts") && /\bconfigureGlobal\(/.test(fs.readFileSync(path.join(tests, file), "utf8"))
  )
  expect(files.map((file) => file.replaceAll(path.sep, "/"))).toEqual(["utils/properties.ts"])
})
