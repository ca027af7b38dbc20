/** The steps of the walks of src/README.md exist in the sources; Walks.long.test.ts has requests that take them. */
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { describe, expect, it } from "vitest"
import { walks } from "./walks.js"

const root = path.resolve(import.meta.dirname, "../..")

/** The members of every class and interface, including those of its base class. */
const membersOf = (() => {
  const members = new Map<string, Set<string>>()
  const bases = new Map<string, string>()
  const visit = (node: ts.Node): void => {
    if (ts.isClassDeclaration(node) && node.name !== undefined) {
      members.set(node.name.text, new Set(node.members.map(({ name }) => name?.getText() ?? "")))
      for (const { expression } of node.heritageClauses?.[0]?.types ?? []) {
        if (node.heritageClauses?.[0]?.token === ts.SyntaxKind.ExtendsKeyword) {
          bases.set(node.name.text, expression.getText())
        }
      }
    }
    ts.forEachChild(node, visit)
  }
  for (const file of fs.readdirSync(path.join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts")) continue
    const text = fs.readFileSync(path.join(root, "src", file), "utf8")
    visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true))
  }
  const all = (name: string): ReadonlySet<string> =>
    new Set([...members.get(name) ?? [], ...bases.has(name) ? all(bases.get(name) ?? "") : []])
  return all
})()

it.each(["exchange", "transport", "http1", "server"])(
  "src/README.md says what each file of %s is for, and names no other",
  (folder) => {
    const text = fs.readFileSync(path.join(root, "src/README.md"), "utf8")
    const begin = text.indexOf(`\n| \`${folder}/\` | |\n`)
    const rows = text.slice(begin + 1, text.indexOf("\n\n", begin)).split("\n").slice(2)
    const named = rows.flatMap((row) => [...row.split("|")[1].matchAll(/`(\w+)`/g)].map(([, name]) => `${name}.ts`))
    expect(named.sort()).toEqual(fs.readdirSync(path.join(root, "src", folder)).sort())
  }
)

describe("a walk of src/README.md", () => {
  it("is one of three", () => {
    expect(walks.map(({ steps }) => steps.length)).toEqual([8, 8, 7])
  })

  it.each(walks)("goes through what is there: $name", ({ steps }) => {
    for (const { method, object } of steps) expect([...membersOf(object)], object).toContain(method)
  })
})
