/**
 * The access log in a file.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { OptionError } from "../exchange/ServerError.js"
import { AccessLog, type AccessRecord, lines } from "../server/AccessLog.js"
import * as LogFile from "./LogFile.js"

/**
 * Writes every record as a line to a file; see `AccessLogFormat` for `format`. The file and its folder are made where they are
 * missing, also later when they were removed. `AccessLog.reopen` opens a new file after the old one was moved. Buffered lines are
 * written when the scope closes, or the process exits.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (path: string, format: (record: AccessRecord) => string): Layer.Layer<AccessLog, OptionError> =>
  Layer.scoped(
    AccessLog,
    Effect.acquireRelease(
      Effect.try({
        try: () => LogFile.open(path),
        catch: (error) =>
          error instanceof OptionError ? error : new OptionError({ option: "log", description: String(error) })
      }),
      (file) => Effect.promise(file.close)
    ).pipe(
      Effect.map((file) => ({ ...lines(format, file.write), reopen: Effect.sync(file.reopen) }))
    )
  )
