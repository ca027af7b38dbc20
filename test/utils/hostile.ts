/** Text that clients may choose, to forge a log or to move the cursor of its reader. */
import * as fc from "fast-check"
import { expect } from "vitest"

/**
 * Characters that are not text: control characters but line ends, other line separators, those that change the direction of
 * writing.
 */
export const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

/** Splits lines into entries. An entry begins with a line that is not indented. */
export const entriesOf = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.join("\n").split("\n").filter((line) => !line.startsWith("  "))

/** The same for Effect's loggers, for which the end of a nested cause is not indented either. */
export const effectEntriesOf = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  entriesOf(lines).filter((line) => !/^\}("| |$)/.test(line))

/** Expects that each line is one entry, and that nothing in it controls a terminal. */
export const expectHarmless = (lines: ReadonlyArray<string>, entries = entriesOf(lines)): void => {
  expect(lines).not.toEqual([])
  expect(entries).toHaveLength(lines.length)
  const text = lines.join("\n")
  expect(text).not.toMatch(control)
  // half of a surrogate pair has no encoding
  expect(Buffer.from(text).toString()).toBe(text)
}

/** Texts that a log must not have unchanged. */
export const hostile = fc.string({
  unit: fc.oneof(
    fc.constantFrom(
      "\n",
      "\r",
      "\r\n",
      "\u001b[31m",
      "\u0000",
      "\u0007",
      "\u0085",
      "\u009b",
      "\u2028",
      "\u2029",
      "\u202e"
    ),
    fc.constantFrom("\u007f", "\ud800", "\udc00", "😀", "\"", "\\", "127.0.0.1 - - [", "(1) "),
    fc.string({ minLength: 1, maxLength: 3 })
  ),
  maxLength: 30
})
