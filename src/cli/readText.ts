/**
 * @since 0.2.0
 */
import * as Fs from "node:fs"
import { wrong } from "./Plan.js"

/**
 * Reads the file that a flag names. Throws a `PlanError` that says why it cannot be read.
 *
 * @since 0.2.0
 * @category constructors
 */
export const readText = (path: string, flag: string): string => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error)
    throw wrong(`--${flag} ${path}: ${reasons[code] ?? code}`)
  }
}

const reasons: Readonly<Record<string, string | undefined>> = {
  ENOENT: "there is no such file",
  EACCES: "no permission to read it",
  EISDIR: "is a folder; give a file"
}
