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

// most of a program are the declarations of the packages, which are the same for all
const parsed = new Map<string, ts.SourceFile | undefined>()

/** One program of files by name, with the options of this project. */
export const compileAll = (sources: Readonly<Record<string, string>>): ts.Program => {
  const files = new Map(Object.entries(sources).map(([name, text]) => [virtual(name), text]))
  const options: ts.CompilerOptions = { ...config?.options, noUnusedLocals: false, noEmit: true }
  const host = ts.createCompilerHost(options)
  const { fileExists, readFile } = host
  host.fileExists = (name) => files.has(name) || fileExists(name)
  host.readFile = (name) => files.get(name) ?? readFile(name)
  const { getSourceFile } = host
  host.getSourceFile = (name, version, ...rest) => {
    const text = files.get(name)
    if (text !== undefined) return ts.createSourceFile(name, text, version, true)
    const source = parsed.get(name) ?? getSourceFile(name, version, ...rest)
    parsed.set(name, source)
    return source
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
