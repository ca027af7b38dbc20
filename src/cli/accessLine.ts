/**
 * A line of the access log as JSON.
 *
 * @since 0.2.0
 */
import type { AccessRecord } from "../server/AccessRecord.js"

/**
 * @since 0.2.0
 * @category conversions
 */
export const accessLine = (record: AccessRecord): string => {
  const { bodyBytes, client = record.remote, endTime, outcome, refused, requestLine, startTime, status, wireBytes } =
    record
  return JSON.stringify({
    at: new Date(startTime).toISOString(),
    remote: client._tag === "Tcp" ? client.host : "unix",
    request: requestLine,
    status,
    bytes: bodyBytes,
    wireBytes,
    ms: Math.round((endTime - startTime) * 1000) / 1000,
    ...(outcome === undefined ? {} : { outcome: outcome._tag }),
    ...(refused === undefined ? {} : { refused: refused.reason })
  })
}
