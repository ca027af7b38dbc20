/**
 * Names of response fields.
 *
 * @since 0.2.0
 */
import { isToken } from "./grammar.js"

/**
 * A name in title case, with its meaning for a head.
 *
 * @since 0.2.0
 */
export interface FieldName {
  readonly _tag: "FieldName"
  readonly title: string
  readonly role: "ContentLength" | "TransferEncoding" | "Connection" | "KeepAlive" | "Date" | "ContentType" | "Other"
}

const roles = new Map<string, FieldName["role"]>([
  ["content-length", "ContentLength"],
  ["transfer-encoding", "TransferEncoding"],
  ["connection", "Connection"],
  ["keep-alive", "KeepAlive"],
  ["date", "Date"],
  ["content-type", "ContentType"]
])

// What a recipient must know before the content (RFC 9110, 6.5.1): how the message is framed and routed, request modifiers,
// authentication, response controls, and the format of the content.
const beforeContent = new Set([
  "age",
  "authorization",
  "cache-control",
  "connection",
  "content-encoding",
  "content-length",
  "content-range",
  "content-type",
  "cookie",
  "date",
  "expect",
  "expires",
  "host",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-range",
  "if-unmodified-since",
  "keep-alive",
  "location",
  "max-forwards",
  "pragma",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "retry-after",
  "set-cookie",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "vary",
  "www-authenticate"
])

/**
 * Whether a field of this name may be a trailer field.
 *
 * @since 0.2.0
 */
export const mayTrail = (name: FieldName): boolean => !beforeContent.has(name.title.toLowerCase())

// Applications send the same few names over and over, so each is checked and title-cased once. The map is bounded, because a name
// may come from a client's data.
const knownNames = new Map<string, FieldName>()
const mostKnownNames = 512

/**
 * The role of a name; `undefined` if the name is not a token (RFC 9110, 5.1).
 *
 * @since 0.2.0
 */
export const fieldName = (given: string): FieldName | undefined => {
  const known = knownNames.get(given)
  if (known !== undefined) return known
  if (typeof given !== "string" || !isToken(given)) return undefined
  const role = roles.get(given.toLowerCase()) ?? "Other"
  const name: FieldName = { _tag: "FieldName", title: titleCase(given), role }
  if (knownNames.size < mostKnownNames && given.length <= 64) knownNames.set(given, name)
  return name
}

/**
 * Makes `Some-Weird` of `sOMe-WEirD`: the first letter of each part between hyphens is upper case, the rest lower case.
 *
 * @since 0.1.0
 */
export const titleCase = (name: string): string =>
  name.split("-").map((part) => part.charAt(0).toUpperCase() + part.slice(1).toLowerCase()).join("-")
