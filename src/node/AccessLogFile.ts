/**
 * The access log in a file.
 *
 * @module
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { OptionError } from "../exchange/ServerError.js"
import { AccessLog, type AccessRecord, lines } from "../server/AccessLog.js"
import * as LogFile from "./LogFile.js"

/**
 * Writes every record as a line to a file; see `AccessLogFormat` for `format`. A missing file or folder is created, even if it is
 * removed while the server runs. `AccessLog.reopen` opens a new file after the old one was moved. Buffered lines are written when
 * the scope closes, and when the process exits. Fails with an `OptionError` if the file cannot be opened for writing.
 *
 * @example
 * ```ts
 * import { Layer } from "effect"
 * import { AccessLogFile, AccessLogFormat, NodeListener, TsgiHttpServer } from "tsgi/effect"
 *
 * const server = TsgiHttpServer.layerWith().pipe(
 *   Layer.provide(AccessLogFile.layer("access.log", AccessLogFormat.json)),
 *   Layer.provide(TsgiHttpServer.layerServices),
 *   Layer.provide(NodeListener.layer({ port: 8090 }))
 * )
 * ```
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (path: string, format: (record: AccessRecord) => string): Layer.Layer<AccessLog, OptionError> =>
  Layer.scoped(
    AccessLog,
    Effect.acquireRelease(
      Effect.try({
        try: () => {
          // throws for a format that is none
          lines(format, () => undefined)
          return LogFile.open(path)
        },
        catch: (error) =>
          error instanceof OptionError ? error : new OptionError({ option: "log", description: String(error) })
      }),
      (file) => Effect.promise(file.close)
    ).pipe(
      Effect.map((file) => ({ ...lines(format, file.write), reopen: Effect.sync(file.reopen) }))
    )
  )
