/**
 * Heads of interim responses as HTTP/1 text.
 *
 * @since 0.2.0
 */
import { type FieldPairs, type InterimHead, judgeInterim } from "../heads.js"
import type { InvalidHead } from "../invalidHead.js"
import { reasonOf } from "../reasonPhrase.js"
import { type FieldCase, fieldLines } from "./headLines.js"

/**
 * The head as text, with the empty line.
 *
 * @since 0.2.0
 */
export const writeInterim = ({ fields, status }: InterimHead<string>): string =>
  `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${fields}\r\n`

/**
 * Judges and writes an interim head.
 *
 * @since 0.1.0
 */
export const prepareInterim = (
  status: number,
  fields: FieldPairs,
  fieldCase: FieldCase = "title"
): string | InvalidHead => {
  const head = judgeInterim(status, fields, fieldLines[fieldCase])
  return head._tag === "InvalidHead" ? head : writeInterim(head)
}
