/**
 * Standard output and standard error.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"

/**
 * Writes a line to standard output. Returns `false` if its reader has ended, as `head` does. Throws if the line cannot be
 * written.
 *
 * @since 0.2.0
 * @category constructors
 */
export const tell = (text: string): boolean => {
  try {
    Fs.writeSync(1, `${text}\n`)
    return true
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EPIPE") return false
    throw new Error(`cannot write to standard output: ${messageOf(error)}`)
  }
}

/**
 * Writes a line to standard error, and drops it if that cannot be written.
 *
 * @since 0.2.0
 * @category constructors
 */
export const complain = (text: string): void => {
  try {
    Fs.writeSync(2, `${text}\n`)
  } catch {
    // its reader has ended
  }
}

/**
 * The message of a thrown value.
 *
 * @since 0.2.0
 * @category conversions
 */
export const messageOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
