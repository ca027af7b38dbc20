/** Words that clients may choose, to forge a log or to move the cursor of whoever reads it. */
import * as fc from "fast-check"

/** What is no text: control characters but line ends, other ends of lines, what turns the direction of writing. */
export const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/

/** An entry begins where a line is not indented. */
export const entriesOf = (lines: ReadonlyArray<string>): ReadonlyArray<string> =>
  lines.join("\n").split("\n").filter((line) => !line.startsWith("  "))

/** Texts that a log must not take as they are. */
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
