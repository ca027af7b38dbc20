/**
 * Reasons why an application's head is not sent.
 *
 * @since 0.2.0
 */

/**
 * What the application did wrong.
 *
 * @since 0.1.0
 */
export interface InvalidHead {
  readonly _tag: "InvalidHead"
  readonly reason:
    | "InvalidStatus"
    | "InvalidReason"
    | "InvalidFields"
    | "InvalidFieldName"
    | "InvalidFieldValue"
    | "InvalidContentLength"
    | "InvalidTransferEncoding"
  readonly message: string
}

/** @since 0.2.0 */
export const invalid = (reason: InvalidHead["reason"], message: string): InvalidHead => ({
  _tag: "InvalidHead",
  reason,
  message
})

/**
 * Likely mistakes are an object of names, or whole lines, which would be split into characters.
 *
 * @since 0.2.0
 */
export const invalidFields = (given: unknown): InvalidHead =>
  invalid(
    "InvalidFields",
    `fields are pairs of name and value, such as [["Content-Type", "text/plain"]], not ${
      typeof given === "string" ? JSON.stringify(given) : kindOf(given)
    }`
  )

/**
 * `expected` names the codes that may be used.
 *
 * @since 0.2.0
 */
export const invalidStatus = (status: unknown, kind: string, expected: string): InvalidHead =>
  invalid(
    "InvalidStatus",
    typeof status === "number"
      ? `${status} is not ${kind} status: use ${expected}`
      : `${
        typeof status === "string" ? `the text ${JSON.stringify(status)}` : kindOf(status)
      } is not ${kind} status: ` +
        `use a number, ${expected}`
  )

/** @since 0.2.0 */
export const invalidReason = (reason: string): InvalidHead =>
  invalid(
    "InvalidReason",
    `${
      JSON.stringify(reason)
    } has characters that no reason phrase may have: leave it out, or use Latin-1 without controls`
  )

/**
 * A further part would be dropped.
 *
 * @since 0.2.0
 */
export const tooManyParts = (entry: ReadonlyArray<unknown>): InvalidHead =>
  invalid(
    "InvalidFields",
    `an entry of ${String(entry[0])} has ${entry.length} parts: give a pair of name and value for each value`
  )

/** @since 0.2.0 */
export const invalidName = (name: unknown): InvalidHead =>
  invalid(
    "InvalidFieldName",
    `${typeof name === "string" ? JSON.stringify(name) : kindOf(name)} is not a field name (RFC 9110, 5.1)`
  )

/** @since 0.2.0 */
export const invalidValue = (name: string, value: unknown): InvalidHead =>
  invalid(
    "InvalidFieldValue",
    typeof value === "string"
      ? `the value of ${name} has characters that no field value may have (RFC 9110, 5.5): ${JSON.stringify(value)}`
      : `the value of ${name} must be text, not ${kindOf(value)}${remedyFor(value)}`
  )

const kindOf = (value: unknown): string =>
  value === null || value === undefined
    ? String(value)
    : typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? `the ${typeof value} ${value}`
    : Array.isArray(value)
    ? "an array"
    : value instanceof Date
    ? "a Date"
    : value instanceof URL
    ? "a URL"
    : ArrayBuffer.isView(value)
    ? "bytes"
    : `${typeof value === "object" ? "an" : "a"} ${typeof value}`

// the remedy has the value as text, if only one text is possible
const remedyFor = (value: unknown): string =>
  typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? `: give "${value}"`
    : value === undefined || value === null
    ? ": leave the field out"
    : Array.isArray(value)
    ? ": give a pair for each value"
    : value instanceof Date
    ? ": give its toUTCString()"
    : value instanceof URL
    ? ": give its href"
    : ArrayBuffer.isView(value)
    ? ": give Buffer.from(bytes).toString(\"latin1\")"
    : ""
