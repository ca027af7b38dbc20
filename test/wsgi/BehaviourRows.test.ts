/** BEHAVIOUR.md says what eventlet does and which tests prove it here. This compares it with the tests. */
import * as fs from "node:fs"
import * as path from "node:path"
import { expect, it } from "vitest"
import { names } from "./names.js"

const here = import.meta.dirname
const behaviour = fs.readFileSync(path.join(here, "BEHAVIOUR.md"), "utf8")
const cellsOf = (line: string): ReadonlyArray<string> => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim())
const codeIn = (cell: string): ReadonlyArray<string> => [...cell.matchAll(/`(.+?)`/g)].map(([, code]) => code)

const [table, decisions] = behaviour.split("\n## Decisions\n")
const rows = table.split("\n").filter((line) => /^\| \d+ \|/.test(line)).map(cellsOf).map((
  [row, , tests, mark, files]
) => ({
  row: Number(row),
  tests: codeIn(tests),
  mark,
  files: codeIn(files),
  byName: files === "by name"
}))

// the second folder has tests over every door
const folders = [".", "../doors"]

/** The rows that each file's tests cite by their names: `row 12: ...`. */
const cited = new Map(
  folders.flatMap((folder) => fs.readdirSync(path.join(here, folder)).map((file) => path.posix.join(folder, file)))
    .filter((
      file
    ) => file.endsWith(".test.ts")).map((file) => [
      file,
      new Set(
        [
          ...fs.readFileSync(path.join(here, file), "utf8").matchAll(
            /\b(?:it|describe)(?:\.\w+)*(?:\([^"`]*\))?\(\s*["`]row (\d+)/g
          )
        ]
          .map(([, row]) => Number(row))
      )
    ])
)

it("has each row once, and every row that a test cites", () => {
  expect(rows.map(({ row }) => row)).toEqual(rows.map((_, i) => i + 1))
  const unknown = [...cited.values()].flatMap((own) => [...own]).filter((row) => row > rows.length)
  expect(unknown).toEqual([])
  expect([...cited.values()].reduce((sum, own) => sum + own.size, 0)).toBeGreaterThan(90)
})

it("names the files whose tests cite a row", () => {
  for (const { files, row } of rows) {
    expect(files, `row ${row}`).toEqual([...cited].filter(([, own]) => own.has(row)).map(([file]) => file).sort())
  }
})

it("has every name of eventlet's tests, and no other", () => {
  const known = new Set(rows.flatMap(({ tests }) => tests))
  expect([...known].filter((name) => !names.some((other) => other === name))).toEqual([])
  expect(names.filter((name) => !known.has(name))).toEqual([])
})

it("leaves no row without a test, but for what is Python's alone and what was decided against", () => {
  const untested = rows.filter(({ byName, files, tests }) => files.length === 0 && !(byName && tests.length > 0))
  expect(untested.filter(({ mark }) => mark !== "not ported").map(({ row }) => row)).toEqual([26, 148])
  const decided = decisions.split("\n").filter((line) => /^\| \d/.test(line)).flatMap((line) =>
    cellsOf(line)[0].split(", ")
  )
  for (const { mark, row } of rows) if (mark.endsWith("decided")) expect(decided, `row ${row}`).toContain(String(row))
})
