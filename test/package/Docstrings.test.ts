/**
 * Every name that a user can import has a docstring that says what it is and since when: an editor and the API reference (`npm
 * run docs`) show nothing else. Names are followed from the entry points through `export ... from`.
 */
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { expect, it } from "vitest"

const root = path.resolve(import.meta.dirname, "../..")
const parsed = new Map<string, ts.SourceFile>()
const parse = (file: string): ts.SourceFile => {
  const known = parsed.get(file) ??
    ts.createSourceFile(file, fs.readFileSync(file, "utf8"), ts.ScriptTarget.ES2022, true)
  parsed.set(file, known)
  return known
}

const isExported = (node: ts.Statement): boolean =>
  ts.canHaveModifiers(node) &&
  ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) === true

const declaredNames = (node: ts.Statement): ReadonlyArray<string> =>
  ts.isVariableStatement(node)
    ? node.declarationList.declarations.map(({ name }) => name.getText())
    : ts.isFunctionDeclaration(node) || ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node) ||
        ts.isTypeAliasDeclaration(node) || ts.isEnumDeclaration(node) || ts.isModuleDeclaration(node)
    ? [node.name?.getText() ?? "default"]
    : []

const docOf = (file: ts.SourceFile, node: ts.Node): string =>
  (ts.getLeadingCommentRanges(file.text, node.getFullStart()) ?? [])
    .map(({ end, pos }) => file.text.slice(pos, end)).filter((text) => text.startsWith("/**")).at(-1) ?? ""

/** Whether a docstring has a sentence of its own before its tags, and says since when. */
const isWhole = (doc: string): boolean => doc.includes("@since") && /^\/\*\*[\s*]*[^\s*@]/.test(doc)

/** The names without a docstring: `file: name`. `wanted` has the names to check; without it all are. */
const lacking = (name: string, wanted?: ReadonlySet<string>): ReadonlyArray<string> => {
  const file = parse(name)
  const shown = path.relative(root, name)
  const said = (names: ReadonlyArray<string>, doc: string): ReadonlyArray<string> =>
    names.filter((each) => wanted === undefined || wanted.has(each))
      .flatMap((each) => isWhole(doc) ? [] : [`${shown}: ${each}`])
  // a name that is imported, or declared and exported below
  const from = (local: string): ReadonlyArray<string> => {
    for (const node of file.statements) {
      if (declaredNames(node).includes(local)) return said([local], docOf(file, node))
      if (!ts.isImportDeclaration(node) || !ts.isStringLiteral(node.moduleSpecifier)) continue
      const bindings = node.importClause?.namedBindings
      if (bindings === undefined || !ts.isNamedImports(bindings)) continue
      const found = bindings.elements.find((element) => element.name.text === local)
      if (found === undefined || !node.moduleSpecifier.text.startsWith(".")) continue
      return lacking(target(name, node.moduleSpecifier.text), new Set([(found.propertyName ?? found.name).text]))
    }
    return []
  }
  return file.statements.flatMap((node): ReadonlyArray<string> => {
    if (isExported(node)) return said(declaredNames(node), docOf(file, node))
    if (!ts.isExportDeclaration(node)) return []
    const { exportClause, moduleSpecifier } = node
    if (moduleSpecifier === undefined) {
      if (exportClause === undefined || !ts.isNamedExports(exportClause)) return []
      return exportClause.elements
        .filter((element) => wanted === undefined || wanted.has(element.name.text))
        // a docstring of its own is at the name
        .flatMap((element) => isWhole(docOf(file, element)) ? [] : from((element.propertyName ?? element.name).text))
    }
    if (!ts.isStringLiteral(moduleSpecifier) || !moduleSpecifier.text.startsWith(".")) return []
    const next = target(name, moduleSpecifier.text)
    if (exportClause === undefined || ts.isNamespaceExport(exportClause)) return lacking(next)
    const names = exportClause.elements
      .filter((element) => wanted === undefined || wanted.has(element.name.text))
      .map((element) => (element.propertyName ?? element.name).text)
    return names.length === 0 ? [] : lacking(next, new Set(names))
  })
}

const target = (name: string, specifier: string): string =>
  path.resolve(path.dirname(name), specifier.replace(/\.js$/, ".ts"))

it.each(["src/index.ts", "src/effect.ts", "src/cluster.ts", "src/protocol/index.ts", "src/testing.ts"])(
  "in %s",
  (entry) => {
    const file = path.join(root, entry)
    expect(lacking(file)).toEqual([])
    expect(docOf(parse(file), parse(file).statements[0] ?? parse(file))).toContain("@since")
  }
)

it("each file of tests begins with what it proves", () => {
  const tests = fs.readdirSync(path.join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
  const silent = tests.filter((file) =>
    !/^\/\*\*[\s*]*[^\s*@].{20}/.test(fs.readFileSync(path.join(root, "test", file), "utf8"))
  )
  expect(tests.length).toBeGreaterThan(100)
  expect(silent).toEqual([])
})
