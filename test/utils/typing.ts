/** Programs that exist nowhere, and what the compiler says of them. */
import * as path from "node:path"
import ts from "typescript"

const root = path.resolve(import.meta.dirname, "../..")
const folder = path.join(root, "virtual")

const config = ts.getParsedCommandLineOfConfigFile(path.join(root, "tsconfig.json"), {}, {
  ...ts.sys,
  onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
    throw new Error(ts.flattenDiagnosticMessageText(messageText, "\n"))
  }
})

/** Where such a file would be. */
export const virtual = (name: string): string => path.join(folder, name)

export const isVirtual = (file: string): boolean => file.startsWith(folder)

const parsed = new Map<string, ts.SourceFile | undefined>()

/** A host that keeps what it parsed of the packages, which is most of every program and the same in all with these options. */
export const parsingOnce = (options: ts.CompilerOptions): ts.CompilerHost => {
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  const how = JSON.stringify(options)
  host.getSourceFile = (name, version, ...rest) => {
    if (!name.includes("/node_modules/")) return getSourceFile(name, version, ...rest)
    // how a module of Node is told from a script is a part of it
    const { impliedNodeFormat } = typeof version === "object" ? version : { impliedNodeFormat: undefined }
    const key = `${name} ${impliedNodeFormat} ${how}`
    const source = parsed.get(key) ?? getSourceFile(name, version, ...rest)
    parsed.set(key, source)
    return source
  }
  return host
}

/** One program of files by name, with the options of this project. */
export const compileAll = (sources: Readonly<Record<string, string>>): ts.Program => {
  const files = new Map(Object.entries(sources).map(([name, text]) => [virtual(name), text]))
  const options: ts.CompilerOptions = { ...config?.options, noUnusedLocals: false, noEmit: true }
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

/** What is wrong with one of its files: `name:line message`. */
export const errorsOf = (program: ts.Program, file: string): ReadonlyArray<string> => {
  const source = program.getSourceFile(file)
  return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].map((
    { file, messageText, start = 0 }
  ) =>
    `${path.basename(file?.fileName ?? "")}:${(file?.getLineAndCharacterOfPosition(start).line ?? 0) + 1} ${
      ts.flattenDiagnosticMessageText(messageText, "\n")
    }`
  )
}
