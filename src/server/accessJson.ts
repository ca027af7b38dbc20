/**
 * Access-log records as JSON.
 *
 * @since 0.2.0
 */
import { type Address, hostOf, portOf } from "../exchange/Address.js"
import type { AccessRecord } from "./AccessRecord.js"
import { failureName } from "./FailureText.js"
import { inOneLine } from "./logText.js"

/**
 * A record as one line of JSON, without the properties that have no value.
 *
 * | property               | what                                                                                      |
 * | ---------------------- | ----------------------------------------------------------------------------------------- |
 * | `time`                 | of completion, in UTC: `2026-11-22T10:15:00.000Z`                                         |
 * | `client`, `clientPort` | the client that a trusted proxy names (option `forwarded`), otherwise the peer            |
 * | `peer`, `peerPort`     | the peer; both hosts are `unix` for unix sockets                                          |
 * | `connection`           | number of the connection, counted from 1                                                  |
 * | `request`              | the request line as received                                                              |
 * | `method`, `target`     | of the request; these and the next three are absent where it was refused                  |
 * | `host`, `referer`, `userAgent` | fields of the request                                                             |
 * | `status`               | the status of the answer; without one 499, 503 or 101 as in the record                    |
 * | `bodyBytes`, `wireBytes` | handed to the kernel                                                                    |
 * | `seconds`              | from the complete head to the response handed over                                        |
 * | `outcome`              | `Sent`, `Aborted`, `Failed` or `Refused`                                                  |
 * | `reason`               | why it was aborted or refused                                                             |
 * | `error`                | what the application failed with: `Error: it failed`                                      |
 *
 * @since 0.2.0
 * @category conversions
 */
export const json = (record: AccessRecord): string => {
  const { client = record.remote, outcome, refused, remote, request } = record
  const reason = refused?.reason ?? (outcome?._tag === "Aborted" ? outcome.reason : undefined)
  return inOneLine(JSON.stringify({
    time: new Date(record.endTime).toISOString(),
    client: hostOf(client),
    clientPort: known(client),
    peer: hostOf(remote),
    peerPort: known(remote),
    connection: record.connectionId,
    request: record.requestLine,
    method: request?.method,
    target: request?.target,
    host: field(record, "host"),
    referer: field(record, "referer"),
    userAgent: field(record, "user-agent"),
    status: record.status,
    bodyBytes: record.bodyBytes,
    wireBytes: record.wireBytes,
    seconds: Math.round((record.endTime - record.startTime) * 1000) / 1e6,
    outcome: outcome?._tag ?? "Refused",
    reason,
    error: outcome?._tag === "Failed" ? failureName(outcome.error) : undefined
  }))
}

// an unknown port is 0
const known = (address: Address): number | undefined => portOf(address) || undefined

const field = ({ request }: AccessRecord, name: string): string | undefined => {
  const fields = request?.fields ?? []
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i].length === name.length && fields[i].toLowerCase() === name) return fields[i + 1]
  }
  return undefined
}
