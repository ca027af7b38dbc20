/** The actual changes of a value, and the tables of src/README.md with the allowed ones. */
import * as fs from "node:fs"
import * as path from "node:path"

type Change = readonly [from: string, to: string]

/**
 * Notes each change of a member of all objects of a class, while `act` runs, or until `act` stops that. `name` returns the name
 * of a value.
 */
export const changesWhile = async <A>(
  of: object,
  member: string,
  name: (value: A) => string,
  act: (stop: () => void) => unknown
): Promise<ReadonlyArray<Change>> => {
  const values = new WeakMap<object, A>()
  const changes: Array<Change> = []
  let noting = true
  Object.defineProperty(of, member, {
    configurable: true,
    get(this: object) {
      return values.get(this)
    },
    set(this: object, value: A) {
      const before = values.get(this)
      values.set(this, value)
      if (noting && before !== undefined && before !== value) changes.push([name(before), name(value)])
    }
  })
  try {
    await act(() => {
      noting = false
    })
  } finally {
    Reflect.deleteProperty(of, member)
  }
  return changes
}

/** The rows of a table in src/README.md, under a heading. */
export const tableOf = (heading: string, level = "###"): ReadonlyArray<ReadonlyArray<string>> => {
  const text = fs.readFileSync(path.resolve(import.meta.dirname, "../../src/README.md"), "utf8")
  const start = text.indexOf(`\n${level} ${heading}\n`)
  if (start === -1) throw new Error(`no heading ${heading}`)
  const lines = text.slice(start + 1).split("\n").slice(1)
  const end = lines.findIndex((line) => line.startsWith("#"))
  return lines.slice(0, end).filter((line) => line.startsWith("| ")).slice(2).map((line) =>
    line.split("|").slice(1, -1).map((cell) => cell.trim())
  )
}
