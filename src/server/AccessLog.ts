/**
 * The access log: one record for every request, also for refused and aborted ones.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { AccessRecord } from "./AccessRecord.js"
import { catchRejection } from "./catchRejection.js"
import { asRecord } from "./logText.js"

export type { AccessRecord }

/**
 * The service that takes a record for every request, refused and aborted ones too.
 *
 * @since 0.1.0
 * @category tags
 */
export class AccessLog extends Context.Tag("tsgi/AccessLog")<AccessLog, {
  /**
   * Takes a record. It is called for every request, so it must not wait. Where it is `undefined`, no records are made.
   */
  readonly write: ((record: AccessRecord) => void) | undefined
  /**
   * Opens the log anew, where it is a file that another program has moved.
   *
   * @since 0.2.0
   */
  readonly reopen?: Effect.Effect<void> | undefined
}>() {}

/**
 * Opens the access log anew, where it is a file that another program has moved: for log rotation.
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
 * Hands every record to a function as a line of text; see `AccessLogFormat`. Control characters are escaped as in JSON, and lines
 * after the first are indented.
 *
 * @since 0.1.0
 * @category constructors
 */
export const lines = (
  format: (record: AccessRecord) => string,
  write: (line: string) => void
): Context.Tag.Service<AccessLog> => ({
  write: (record) => {
    const line: unknown = format(record)
    if (typeof line === "string") return write(asRecord(line))
    catchRejection(line, () => undefined)
    throw new TypeError(`an access-log line is text, not ${typeof line}: a format must not be async`)
  }
})

/**
 * {@link none}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerNone: Layer.Layer<AccessLog> = Layer.succeed(AccessLog, none)

/**
 * Hands every record to a function.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerFunction = (write: (record: AccessRecord) => void): Layer.Layer<AccessLog> =>
  Layer.succeed(AccessLog, { write })

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
