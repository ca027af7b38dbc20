/**
 * Errors for forms that are refused: the platform's error, with the right response.
 *
 * @since 0.2.0
 */
import * as Respondable from "@effect/platform/HttpServerRespondable"
import * as ServerResponse from "@effect/platform/HttpServerResponse"
import * as Multipart from "@effect/platform/Multipart"
import type * as MP from "multipasta"
import type { BodyError } from "../exchange/ServerError.js"
import { exceeds, type FormBound } from "../server/FormLimits.js"
import { malformedForm } from "../server/malformedForm.js"
import type { FormConfig } from "./FormConfig.js"

/**
 * A form whose body could not be read.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnreadableForm extends Multipart.MultipartError {
  constructor(readonly bodyError: BodyError) {
    super({ reason: bodyError.reason === "TooLarge" ? "BodyTooLarge" : "InternalError", cause: bodyError })
  }

  [Respondable.symbol]() {
    return ServerResponse.empty({ status: this.bodyError.status })
  }
}

/**
 * A form that is malformed, which is answered 400, or exceeds a limit, which is answered 413.
 *
 * @since 0.2.0
 * @category errors
 */
export class RefusedForm extends Multipart.MultipartError {
  constructor(
    reason: Exclude<Multipart.MultipartError["reason"], "InternalError">,
    readonly description: string,
    cause: unknown
  ) {
    super({ reason, cause: cause ?? new Error(description) })
  }

  override get message(): string {
    return `${this.reason}: ${this.description}`
  }

  [Respondable.symbol]() {
    return ServerResponse.empty({ status: this.reason === "Parse" ? 400 : 413 })
  }
}

/**
 * The error for a malformed form.
 *
 * @since 0.2.0
 * @category constructors
 */
export const malformed = (description: string, cause?: unknown): RefusedForm =>
  new RefusedForm("Parse", description, cause)

/**
 * The error for a form that exceeds a limit.
 *
 * @since 0.2.0
 * @category constructors
 */
export const tooMuch = (
  reason: "FileTooLarge" | "FieldTooLarge" | "BodyTooLarge" | "TooManyParts",
  bound: FormBound,
  cause?: unknown
): RefusedForm => new RefusedForm(reason, exceeds(bound), cause)

/**
 * The error for a failure that the parser reports.
 *
 * @since 0.2.0
 * @category conversions
 */
export const fromParser = (cause: MP.MultipartError, config: FormConfig): RefusedForm => {
  if (cause._tag !== "ReachedLimit") return malformed(malformedForm(cause), cause)
  const [reason, bound] = passed[cause.limit]
  return tooMuch(reason, config[bound], cause)
}

const passed = {
  MaxParts: ["TooManyParts", "parts"],
  MaxFieldSize: ["FieldTooLarge", "fieldSize"],
  MaxPartSize: ["FileTooLarge", "fileSize"],
  MaxTotalSize: ["BodyTooLarge", "totalSize"]
} as const
