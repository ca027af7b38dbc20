/**
 * Heads of interim responses: any 1xx but 101, which switches protocols (RFC 9110, 15.2).
 *
 * @since 0.2.0
 */
import { fieldName } from "./fieldNames.js"
import { isFieldValue } from "./grammar.js"
import { invalid, invalidFields, type InvalidHead, invalidName, invalidStatus, invalidValue } from "./invalidHead.js"
import { reasonOf } from "./reasonPhrase.js"
import { type FieldCase, type FieldPairs, isIterable } from "./responseHead.js"

/**
 * An interim head whose fields have been checked and written.
 *
 * @since 0.2.0
 */
export interface InterimHead {
  readonly _tag: "InterimHead"
  readonly status: number
  /** Field lines as latin-1 text. */
  readonly lines: string
}

/**
 * Checks what an application gave for an interim head, and writes its field lines.
 *
 * @since 0.2.0
 */
export const draftInterim = (
  status: number,
  fields: FieldPairs,
  fieldCase: FieldCase = "title"
): InterimHead | InvalidHead => {
  if (!Number.isInteger(status) || status < 100 || status > 199 || status === 101) {
    return invalidStatus(status, "an interim", "100, or 102 to 199")
  }
  let lines = ""
  if (!isIterable(fields)) return invalidFields(fields)
  for (const pair of fields) {
    if (!Array.isArray(pair)) return invalidFields(pair)
    const [given, value] = pair
    const name = fieldName(given)
    if (name === undefined) return invalidName(given)
    if (typeof value !== "string" || !isFieldValue(value)) return invalidValue(given, value)
    // Framing fields are left out: an interim response has no content (RFC 9110, 8.6; RFC 9112, 6.1).
    if (name.role === "ContentLength" || name.role === "TransferEncoding") {
      return invalid("InvalidFieldName", `${given} is not allowed in an interim response`)
    }
    lines += `${fieldCase === "title" ? name.title : given}: ${value}\r\n`
  }
  return { _tag: "InterimHead", status, lines }
}

/**
 * The head as HTTP/1 text, the empty line included.
 *
 * @since 0.2.0
 */
export const writeInterim = ({ lines, status }: InterimHead): string =>
  `HTTP/1.1 ${status} ${reasonOf(status)}\r\n${lines}\r\n`

/**
 * Checks and writes an interim head.
 *
 * @since 0.1.0
 */
export const prepareInterim = (
  status: number,
  fields: FieldPairs,
  fieldCase: FieldCase = "title"
): string | InvalidHead => {
  const head = draftInterim(status, fields, fieldCase)
  return head._tag === "InvalidHead" ? head : writeInterim(head)
}
