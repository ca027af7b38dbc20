/** test/README.md agrees with the files: every folder has its line, and every file that it names exists. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"

const here = path.resolve(import.meta.dirname, "..")
const guide = fs.readFileSync(path.join(here, "README.md"), "utf8")

it("names each folder, and no other", () => {
  const table = guide.slice(guide.indexOf("## The folders"), guide.indexOf("## How to add"))
  const named = [...table.matchAll(/^\| `(\w+)\/` \|/gm)].map(([, folder]) => folder)
  const folders = fs.readdirSync(here, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) =>
    name
  )
  expect(named).toEqual(folders.sort())
})

it("names files that exist", () => {
  const named = [
    ...[...guide.matchAll(/`([\w/]+(?:\.long)?(?:\.test)?\.(?:ts|md)|\w+\/)`/g)].map(([, file]) => file),
    ...[...guide.matchAll(/\]\((.+?)\)/g)].map(([, file]) => file),
    ...[...guide.matchAll(/(?<=test\/)[\w/]+(?:\.long)?(?:\.test)?\.ts\b/g)].map(([file]) => file)
  ]
  expect(named.length).toBeGreaterThan(50)
  expect(named.filter((file) => !fs.existsSync(path.join(here, file)))).toEqual([])
})

it("names scripts of package.json", () => {
  const { scripts } = JSON.parse(fs.readFileSync(path.join(here, "../package.json"), "utf8")) as {
    readonly scripts: Readonly<Record<string, string>>
  }
  const named = [...guide.matchAll(/npm (?:run )?([\w:]+)/g)].map(([, name]) => name)
  expect(named.filter((name) => !(name in scripts))).toEqual([])
})
