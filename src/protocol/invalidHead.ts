/**
 * Reasons why a head that an application gave is not sent.
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
 * Likely mistakes are an object of names, or whole lines, which would be taken apart into characters.
 *
 * @since 0.2.0
 */
export const invalidFields = (given: unknown): InvalidHead =>
  invalid(
    "InvalidFields",
    `fields are pairs of name and value, such as [["Content-Type", "text/plain"]], not ${
      typeof given === "string" ? JSON.stringify(given) : given === null ? "null" : typeof given
    }`
  )

/** @since 0.2.0 */
export const invalidName = (name: unknown): InvalidHead =>
  invalid("InvalidFieldName", `${JSON.stringify(name)} is not a field name (RFC 9110, 5.1)`)

/** @since 0.2.0 */
export const invalidValue = (name: string, value: unknown): InvalidHead =>
  invalid(
    "InvalidFieldValue",
    typeof value === "string"
      ? `the value of ${name} has characters that no field value may have (RFC 9110, 5.5): ${JSON.stringify(value)}`
      : `the value of ${name} must be text, not ${kindOf(value)}`
  )

// with the value as text, where only one text is possible
const kindOf = (value: unknown): string =>
  value === null
    ? "null"
    : typeof value === "number" || typeof value === "boolean" || typeof value === "bigint"
    ? `the ${typeof value} ${value}: give "${value}"`
    : Array.isArray(value)
    ? "an array: give a pair for each value"
    : value === undefined
    ? "undefined: leave the field out"
    : value instanceof Date
    ? "a Date: give its toUTCString()"
    : `${typeof value === "object" ? "an" : "a"} ${typeof value}`
