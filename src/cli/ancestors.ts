/**
 * The processes from which this one descends.
 *
 * @since 0.2.0
 */
import * as Fs from "node:fs"

/**
 * Whether a process is the parent of this one, or on Linux an ancestor of it.
 *
 * @since 0.2.0
 * @category guards
 */
export const isAncestor = (pid: number, from = process.ppid): boolean =>
  from === pid || (from > 1 && isAncestor(pid, parentOf(from)))

const parentOf = (pid: number): number => {
  try {
    // the name of the program is in parentheses, and may contain any others
    const [, parent] = /^.*\) \S (\d+) /s.exec(Fs.readFileSync(`/proc/${pid}/stat`, "latin1")) ?? []
    return Number(parent ?? 0)
  } catch {
    return 0
  }
}
