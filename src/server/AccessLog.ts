/**
 * The access log: one record for each request, refused and aborted ones too.
 *
 * @module
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type { AccessRecord } from "./AccessRecord.js"
import { catchRejection } from "./catchRejection.js"
import { checkOption, type Option } from "./checkOptions.js"
import { asRecord } from "./logText.js"
import { noText } from "./noText.js"

export type { AccessRecord }

/**
 * The service that takes the record of each request.
 *
 * @since 0.1.0
 * @category tags
 */
export class AccessLog extends Context.Tag("tsgi/AccessLog")<AccessLog, {
  /**
   * Takes a record. The server calls it after each request, so it must not wait. Where it is absent, no records are made. A
   * failure of it is logged and affects nothing else.
   */
  readonly write: ((record: AccessRecord) => void) | undefined
  /**
   * Reopens the file of the log after another program has moved it.
   *
   * @since 0.2.0
   */
  readonly reopen?: Effect.Effect<void> | undefined
}>() {}

/**
 * Reopens the file of the access log after another program has moved it (log rotation). Does nothing for other logs.
 *
 * @since 0.2.0
 * @category accessors
 */
export const reopen: Effect.Effect<void, never, AccessLog> = Effect.flatMap(
  AccessLog,
  (log) => log.reopen ?? Effect.void
)

/**
 * No access log.
 *
 * @since 0.1.0
 * @category constants
 */
export const none: Context.Tag.Service<AccessLog> = { write: undefined }

/**
 * Gives each record to a function as a line of text; see `AccessLogFormat` for `format`. Control characters are escaped as in
 * JSON, and all lines of a record but the first are indented.
 *
 * @since 0.1.0
 * @category constructors
 */
export const lines = (
  format: (record: AccessRecord) => string,
  write: (line: string) => void
): Context.Tag.Service<AccessLog> => {
  checkOption("format", format, aFormat)
  checkOption("write", write, aFunction("a line"))
  return { write: writing(format, write) }
}

/**
 * {@link none}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNone: Layer.Layer<AccessLog> = Layer.succeed(AccessLog, none)

/**
 * Gives each record to a function.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFunction = (write: (record: AccessRecord) => void): Layer.Layer<AccessLog> => {
  checkOption("write", write, aFunction("a record"))
  return Layer.succeed(AccessLog, { write })
}

/**
 * {@link lines}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerLines = (
  format: (record: AccessRecord) => string,
  write: (line: string) => void
): Layer.Layer<AccessLog> => Layer.succeed(AccessLog, lines(format, write))

const aFunction = (of: string): Option => ({ expected: `a function of ${of}`, accepts: Predicate.isFunction })

const aFormat: Option = {
  expected: "a function of a record, such as AccessLogFormat.json or AccessLogFormat.compile(template)",
  accepts: Predicate.isFunction
}

const writing =
  (format: (record: AccessRecord) => string, write: (line: string) => void) => (record: AccessRecord): void => {
    const line: unknown = format(record)
    if (typeof line === "string") return write(asRecord(line))
    catchRejection(line, () => undefined)
    throw new TypeError(noText("logFormat, the format of the access log,", line))
  }
