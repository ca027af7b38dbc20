/** Programs that only exist in memory, and the errors of compilers for them. */
import * as fs from "node:fs"
import * as path from "node:path"
import ts from "typescript"
import { built } from "./made.js"
import { run } from "./processes.js"
import { folderFor } from "./programs.js"

const root = path.resolve(import.meta.dirname, "../..")
const folder = path.join(root, "virtual")

const { compilerOptions } = JSON.parse(fs.readFileSync(path.join(root, "tsconfig.json"), "utf8")) as {
  readonly compilerOptions: { readonly paths: Readonly<Record<string, readonly [source: string]>> }
}

/** The path at which such a file would be. */
export const virtual = (name: string): string => path.join(folder, name)

const parsed = new Map<string, ts.SourceFile | undefined>()

/** A host that keeps the parsed files of packages, which are most of every program and the same in all with these options. */
const parsingOnce = (options: ts.CompilerOptions): ts.CompilerHost => {
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  const how = JSON.stringify(options)
  host.getSourceFile = (name, version, ...rest) => {
    if (!name.includes("/node_modules/")) return getSourceFile(name, version, ...rest)
    // the kind of module is part of the key
    const { impliedNodeFormat } = typeof version === "object" ? version : { impliedNodeFormat: undefined }
    const key = `${name} ${impliedNodeFormat} ${how}`
    const source = parsed.get(key) ?? getSourceFile(name, version, ...rest)
    parsed.set(key, source)
    return source
  }
  return host
}

/** One program of files by name, with the options of this project. */
export const compileAll = async (sources: Readonly<Record<string, string>>): Promise<ts.Program> => {
  const files = new Map(Object.entries(sources).map(([name, text]) => [virtual(name), text]))
  const options: ts.CompilerOptions = {
    ...ts.convertCompilerOptionsFromJson({ ...compilerOptions, paths: await declarations() }, root).options,
    noUnusedLocals: false,
    noEmit: true
  }
  const host = parsingOnce(options)
  const { fileExists, readFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.readFile = (name) => files.get(name) ?? readFile(name)
  const { getSourceFile } = host
  host.getSourceFile = (name, version, ...rest) => {
    const text = files.get(name)
    return text === undefined ? getSourceFile(name, version, ...rest) : ts.createSourceFile(name, text, version, true)
  }
  return ts.createProgram([...files.keys()], options, host)
}

/** The errors in one of its files: `name:line message`. */
export const errorsIn = (program: ts.Program, name: string): ReadonlyArray<string> => {
  const source = program.getSourceFile(virtual(name))
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((
    { file, messageText, start = 0 }
  ) =>
    `${path.basename(file?.fileName ?? "")}:${(file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1} ${
      ts.flattenDiagnosticMessageText(messageText, "\n")
    }`
  )
}

/** An error of the compiler. */
export interface Complaint {
  /** The file, relative to the folder. */
  readonly file: string
  readonly line: number
  readonly code: string
  readonly message: string
}

/**
 * Checks the types of a folder's files with these options, with the fast compiler in a separate process. It has one checker,
 * because several would each learn the same types.
 */
export const complaintsOf = async (
  folder: string,
  files: ReadonlyArray<string>,
  config: { readonly extends?: string; readonly compilerOptions: Readonly<Record<string, unknown>> }
): Promise<ReadonlyArray<Complaint>> => {
  fs.writeFileSync(path.join(folder, "tsconfig.json"), JSON.stringify({ include: [], ...config, files }))
  const compiler = path.join(root, "node_modules/typescript-native/bin/tsc")
  const { code, stderr, stdout } = await run(process.execPath, [
    compiler,
    "-p",
    ".",
    "--pretty",
    "false",
    "--checkers",
    "1"
  ], {
    cwd: folder
  })
  const found: Array<Complaint> = []
  for (const text of stdout) {
    const [, file, line, code, message] = /^(.+?)\((\d+),\d+\): error (TS\d+): (.*)$/.exec(text) ?? []
    const last = found.pop()
    if (file !== undefined) found.push(...last === undefined ? [] : [last], { file, line: Number(line), code, message })
    else if (last !== undefined && text.startsWith(" ")) found.push({ ...last, message: `${last.message}\n${text}` })
    else throw new Error(text)
  }
  if (code !== 0 && found.length === 0) throw new Error([...stdout, ...stderr].join("\n"))
  return found
}

/** The entry points of tsgi as declarations, so that their sources are not checked again and again. */
const declarations = async (): Promise<Readonly<Record<string, Array<string>>>> => {
  const dist = path.join(await built(), "dist")
  return Object.fromEntries(
    Object.entries(compilerOptions.paths).map(([name, [source]]) => [
      name,
      [path.join(dist, path.relative("src", source).replace(/\.ts$/, ".d.ts"))]
    ])
  )
}

/** The errors of programs by their names, with the options of this project: `name:line message`. */
export const errorsOf = async (
  sources: Readonly<Record<string, string>>,
  stricter: Readonly<Record<string, boolean>> = {}
): Promise<(name: string) => ReadonlyArray<string>> => {
  const paths = await declarations()
  const folder = folderFor("types")
  try {
    fs.writeFileSync(path.join(folder, "package.json"), JSON.stringify({ type: "module" }))
    for (const [name, text] of Object.entries(sources)) fs.writeFileSync(path.join(folder, name), text)
    const complaints = await complaintsOf(folder, Object.keys(sources), {
      extends: path.join(root, "tsconfig.json"),
      compilerOptions: {
        noUnusedLocals: false,
        typeRoots: [path.join(root, "node_modules/@types")],
        paths,
        ...stricter
      }
    })
    const elsewhere = complaints.filter(({ file }) => !(file in sources))
    if (elsewhere.length > 0) throw new Error(JSON.stringify(elsewhere))
    return (name) =>
      complaints.filter(({ file }) => file === name).map(({ line, message }) => `${name}:${line} ${message}`)
  } finally {
    fs.rmSync(folder, { recursive: true })
  }
}
