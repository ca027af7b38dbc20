/**
 * Compiles the formats of access-log lines: eventlet's template language, with more fields.
 *
 * @module
 * @since 0.1.0
 */
import { hostOf, portOf } from "../exchange/Address.js"
import { OptionError } from "../exchange/ServerError.js"
import { isTrusted, none, type TrustedProxies } from "../exchange/TrustedProxies.js"
import { json } from "./accessJson.js"
import type { AccessRecord } from "./AccessLog.js"

/**
 * The default format, which is eventlet's.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaultTemplate =
  "%(client_ip)s - - [%(date_time)s] \"%(request_line)s\" %(status_code)s %(body_length)s %(wall_seconds).6f"

export { json, type TrustedProxies }

/**
 * What a format needs to know about the server.
 *
 * @since 0.1.0
 * @category models
 */
export interface FormatOptions {
  /**
   * Puts the addresses in X-Forwarded-For before the peer's address if the peer is a trusted proxy. Has no effect together with
   * the server's option `forwarded`, which logs the client's address.
   */
  readonly forwardedFor: boolean
  /** Peers whose X-Forwarded-For is believed. Any other peer could forge log lines with it. */
  readonly trustedProxies: TrustedProxies
}

/**
 * Compiles a template. `%(name)s` stands for a field, `%(name).6f` for a number with six decimals, `%(name)d` for a whole number,
 * `%%` for `%`. Without options, X-Forwarded-For is not logged. For an unknown name it throws an `OptionError` that lists the
 * fields.
 *
 * | field          | what                                                         |
 * | -------------- | ------------------------------------------------------------ |
 * | `client_ip`    | peer address (`unix` for unix sockets), after forwarded ones |
 * | `client_port`  | its port, empty for unix sockets and where it is unknown     |
 * | `peer_ip`      | the peer's address, also where it is a proxy                 |
 * | `peer_port`    | its port, empty for unix sockets                             |
 * | `date_time`    | local time of completion, `22/Nov/2026 10:15:00`             |
 * | `request_line` | as received, control and non-ASCII characters escaped        |
 * | `status_code`  | the status of the answer; without one 499 for a client that  |
 * |                | left, 503 for a request that the stop has cut, 101 for a     |
 * |                | connection that was taken over                               |
 * | `body_length`  | body bytes handed to the kernel; `body_bytes` is the same    |
 * | `wire_bytes`   | all bytes handed to the kernel                               |
 * | `wall_seconds` | from the complete head to the response handed over; of a     |
 * |                | refused request from its first bytes                         |
 * | `outcome`      | `Sent`, `Aborted`, `Failed` or `Refused`                     |
 * | `reason`       | why it was aborted or refused, `-` otherwise                 |
 * | `connection`   | number of the connection, counted from 1                     |
 *
 * @since 0.1.0
 * @category constructors
 */
export const compile = (
  template: string,
  options: FormatOptions = { forwardedFor: false, trustedProxies: none }
): (record: AccessRecord) => string => {
  const parts = parse(template, fieldsFor(options))
  return (record) => {
    let line = ""
    for (const part of parts) line += typeof part === "string" ? part : part(record)
    return line
  }
}

type Field = (record: AccessRecord) => string | number

const parse = (
  template: string,
  fields: ReadonlyMap<string, Field>
): ReadonlyArray<string | ((record: AccessRecord) => string)> => {
  const parts: Array<string | ((record: AccessRecord) => string)> = []
  let at = 0
  for (const match of template.matchAll(/%\((\w+)\)(?:\.(\d+))?([sdf])|%%/g)) {
    if (match.index > at) parts.push(textOf(template.slice(at, match.index)))
    at = match.index + match[0].length
    if (match[0] === "%%") {
      parts.push("%")
      continue
    }
    const field = fields.get(match[1])
    if (field === undefined) {
      throw invalid(`there is no field ${match[1]}; known fields are ${[...fields.keys()].join(", ")}`)
    }
    const kind = match[3]
    if (kind === "f") {
      const decimals = match[2] === undefined ? 6 : Number(match[2])
      parts.push((record) => fixed(Number(field(record)), decimals))
    } else if (kind === "d") parts.push((record) => String(Math.trunc(Number(field(record)))))
    else parts.push((record) => String(field(record)))
  }
  if (at < template.length) parts.push(textOf(template.slice(at)))
  if (parts.some((part) => typeof part === "function")) return parts
  throw invalid(`${JSON.stringify(template)} has no field, such as %(request_line)s; for lines of JSON give "json"`)
}

// the text between two fields, which has no part of a field
const textOf = (text: string): string => {
  const [field] = /%\(\w*\)?/.exec(text) ?? []
  if (field === undefined) return text
  throw invalid(`${field} needs a kind behind it: s, d or f, as in %(request_line)s`)
}

const invalid = (description: string): OptionError => new OptionError({ option: "logFormat", description })

// `toFixed` for the few decimals of a log line, by integer arithmetic; the last digit may differ by one.
const fixed = (value: number, decimals: number): string => {
  if (decimals === 0 || decimals > 6 || !(value >= 0) || value > 1e6) return value.toFixed(decimals)
  const scale = 10 ** decimals
  const scaled = Math.round(value * scale)
  const whole = Math.floor(scaled / scale)
  return `${whole}.${String(scale + scaled - whole * scale).slice(1)}`
}

const fieldsFor = (options: FormatOptions): ReadonlyMap<string, Field> =>
  new Map<string, Field>([
    ["client_ip", (record) => options.forwardedFor ? forwarded(record, options.trustedProxies) : client(record)],
    ["client_port", ({ client, remote }) => client === undefined ? portOf(remote) ?? "" : portOf(client) || ""],
    ["peer_ip", ({ remote }) => hostOf(remote)],
    ["peer_port", ({ remote }) => portOf(remote) ?? ""],
    ["date_time", (record) => localTime(record.endTime)],
    ["request_line", (record) => escape(record.requestLine)],
    ["status_code", (record) => record.status],
    ["body_length", (record) => record.bodyBytes],
    ["body_bytes", (record) => record.bodyBytes],
    ["wire_bytes", (record) => record.wireBytes],
    ["wall_seconds", (record) => (record.endTime - record.startTime) / 1000],
    ["outcome", (record) => record.outcome?._tag ?? "Refused"],
    ["reason", reason],
    ["connection", (record) => record.connectionId]
  ])

const reason = (record: AccessRecord): string =>
  record.refused?.reason ?? (record.outcome?._tag === "Aborted" ? record.outcome.reason : "-")

const client = ({ client, remote }: AccessRecord): string => hostOf(client ?? remote)

const forwarded = (record: AccessRecord, trusted: TrustedProxies): string => {
  const own = client(record)
  const fields = record.request?.fields
  if (fields === undefined || record.client !== undefined) return own
  let given = ""
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i].length === 15 && fields[i].toLowerCase() === "x-forwarded-for") given += `${fields[i + 1]},`
  }
  return given === "" || !isTrusted(trusted, record.remote) ? own : escape(given.replaceAll(" ", "")) + own
}

// Text from a client must not end a line, end a quoted field, or start an escape sequence of a terminal. A strict parser lets
// only visible ASCII through.
const unsafe = /[^\x20-\x7e]|["\\]/g
const harmless = /^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/

const escape = (text: string): string =>
  harmless.test(text)
    ? text
    : text.replace(unsafe, (character) =>
      character === "\"" || character === "\\"
        ? `\\${character}`
        : `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`)

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
const two = (value: number): string => String(value).padStart(2, "0")
let lastSecond = -1
let lastText = ""

// "%d/%b/%Y %H:%M:%S" of strftime(3), computed once a second
const localTime = (time: number): string => {
  const second = Math.floor(time / 1000)
  if (second !== lastSecond) {
    const date = new Date(second * 1000)
    lastSecond = second
    lastText = `${two(date.getDate())}/${months[date.getMonth()]}/${date.getFullYear()} ` +
      `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
  }
  return lastText
}
