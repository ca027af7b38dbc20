/**
 * Files of one idea: none of `src` has more than 400 lines, no function more than 60, and no class more than 15 fields that
 * change. Comments, those of the tests too, are filled to 130 characters.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { expect, it } from "vitest"

const mostLines = 400
const mostFields = 15
const mostOfFunction = 60
const mostCharacters = 130

const root = path.resolve(import.meta.dirname, "../../src")
const sourcesIn = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => name.split(path.sep).join("/"))
const files = sourcesIn(root)

const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")
const fixed = ts.ModifierFlags.Readonly | ts.ModifierFlags.Ambient

const parsed = new Map<string, ts.SourceFile>()

const parse = (text: string): ts.SourceFile => {
  const file = parsed.get(text) ?? ts.createSourceFile("x.ts", text, ts.ScriptTarget.ES2022, true)
  parsed.set(text, file)
  return file
}

interface Changing {
  readonly name: string
  readonly base: string | undefined
  readonly fields: number
}

/** The fields of each class that can be assigned to, those of its constructor's parameters among them. */
const changing = (text: string): ReadonlyArray<Changing> => {
  const found: Array<Changing> = []
  const visit = (node: ts.Node): void => {
    if (ts.isClassLike(node)) {
      const fields = node.members.filter((member) => ts.isPropertyDeclaration(member))
      const parameters = node.members.filter((member) => ts.isConstructorDeclaration(member))
        .flatMap(({ parameters }) => [...parameters])
        .filter((parameter) => ts.isParameterPropertyDeclaration(parameter, parameter.parent))
      const all: ReadonlyArray<ts.Declaration> = [...fields, ...parameters]
      const base = node.heritageClauses?.find(({ token }) => token === ts.SyntaxKind.ExtendsKeyword)?.types[0]
        .expression
      found.push({
        name: node.name?.text ?? "",
        base: base !== undefined && ts.isIdentifier(base) ? base.text : undefined,
        fields: all.filter((field) => (ts.getCombinedModifierFlags(field) & fixed) === 0).length
      })
    }
    ts.forEachChild(node, visit)
  }
  visit(parse(text))
  return found
}

interface Long {
  readonly name: string
  readonly lines: number
}

const nameOf = (node: ts.Node): string => {
  if (ts.isConstructorDeclaration(node)) return "constructor"
  if (ts.isFunctionLike(node) && node.name !== undefined) return node.name.getText()
  const { parent } = node
  if (ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent) || ts.isPropertyDeclaration(parent)) {
    return parent.name.getText()
  }
  return ts.isSourceFile(parent) ? "" : nameOf(parent)
}

/**
 * The functions of more than so many lines, each by its own name or that of what it is given to. One within another counts
 * too.
 */
const longFunctions = (text: string, most: number): ReadonlyArray<Long> => {
  const file = parse(text)
  const lineAt = (position: number): number => file.getLineAndCharacterOfPosition(position).line
  const found: Array<Long> = []
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node) {
      const lines = lineAt(node.getEnd()) - lineAt(node.getStart()) + 1
      if (lines > most) found.push({ name: nameOf(node), lines })
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

it("no file is too long", () => {
  const lines = files.map((file) => [file, read(file).split("\n").length - 1] as const)
  expect(lines.filter(([, count]) => count > mostLines)).toEqual([])
})

const isComment = (line: string): boolean => /^\s*(?:\*|\/\/|\/\*\*)/.test(line)
const isRow = (line: string): boolean => /^\s*\* \|/.test(line)

// tables have the width of their cells
const wideComments = (text: string): ReadonlyArray<string> =>
  text.split("\n").filter((line) => isComment(line) && !isRow(line) && [...line].length > mostCharacters)

it("no line of a source is over 130 characters", () => {
  const wide = files.flatMap((file) =>
    read(file).split("\n").filter((line) => !isRow(line) && [...line].length > mostCharacters)
      .map((line) => `${file}: ${line}`)
  )
  expect(wide).toEqual([])
})

it("no line of a comment is over 130 characters", () => {
  const checkout = path.dirname(root)
  const wide = ["src", "test"].flatMap((folder) =>
    sourcesIn(path.join(checkout, folder)).flatMap((file) =>
      wideComments(fs.readFileSync(path.join(checkout, folder, file), "utf8")).map((line) =>
        `${folder}/${file}: ${line}`
      )
    )
  )
  expect(wide).toEqual([])
})

it("knows a wide comment from a table and from code", () => {
  const wide = "x".repeat(130)
  expect(wideComments(`// ${wide}\n  * ${wide}\n  /** ${wide} */\n * | ${wide} |\nconst a = "${wide}"\n// ä`))
    .toHaveLength(3)
})

it("no function is over 60 lines", () => {
  const long = files.flatMap((file) =>
    longFunctions(read(file), mostOfFunction).map(({ lines, name }) => [`${file} ${name}`, lines] as const)
  )
  expect(long).toEqual([])
})

it("counts the lines of functions", () => {
  const text =
    "const a = () =>\n  b(function*() {\n    c()\n  })\nclass D {\n  constructor() {\n    e()\n  }\n  f() {}\n}"
  expect(longFunctions(text, 2)).toEqual([
    { name: "a", lines: 4 },
    { name: "a", lines: 3 },
    { name: "constructor", lines: 3 }
  ])
})

it("no class has too many fields that change", () => {
  const classes = files.flatMap((file) => changing(read(file)))
  // an object has the fields of its base classes, too
  const all = ({ base, fields }: Changing): number =>
    classes.filter(({ name }) => name === base).reduce((sum, each) => sum + all(each), fields)
  const counts = classes.map((each) => [each.name, all(each)] as const)
  expect(counts.filter(([, count]) => count > mostFields)).toEqual([])
  expect(new Map(counts).get("ServedExchange")).toBeGreaterThan(10)
})

it("counts what changes", () => {
  const text =
    "class A extends B { a = 1; readonly b = 2; declare c: number; constructor(private d: 1, readonly e: 2, f: 3) {} }"
  expect(changing(text)).toEqual([{ name: "A", base: "B", fields: 2 }])
})
