/**
 * Messages for malformed forms.
 *
 * @since 0.2.0
 */
import type { MultipartError } from "multipasta"

/**
 * The message for an error of the parser.
 *
 * @since 0.2.0
 * @category conversions
 */
export const malformedForm = (error: Exclude<MultipartError, { readonly _tag: "ReachedLimit" }>): string => {
  switch (error._tag) {
    case "InvalidBoundary":
      return "its Content-Type names no boundary"
    case "BadHeaders":
      return `the fields of a part are malformed: ${error.error.reason}`
    case "InvalidDisposition":
      return "a part has no name"
    case "EndNotReached":
      return "the last boundary is missing"
  }
}

/**
 * The message for an exception of the parser. A malformed escape in a name causes it.
 *
 * @since 0.2.0
 * @category constants
 */
export const malformedName = "a name has a malformed escape"
