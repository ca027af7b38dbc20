/**
 * The byte classes and small productions of RFC 9110 and RFC 9112.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

export const CR = 13
export const LF = 10
export const SP = 32
export const HTAB = 9
export const COLON = 58
export const SEMICOLON = 59

const byteClass = (accepts: (byte: number) => boolean): Uint8Array =>
  Uint8Array.from({ length: 256 }, (_, byte) => accepts(byte) ? 1 : 0)

/** 1 for every byte of `tchar` (RFC 9110, 5.6.2). */
export const tokenBytes: Uint8Array = byteClass((byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)))

/** 1 for every byte that a field value may have: HTAB, SP, VCHAR, obs-text (RFC 9110, 5.5). */
export const fieldBytes: Uint8Array = byteClass((byte) => byte === HTAB || (byte >= SP && byte !== 0x7f))

/** 1 for the visible ASCII bytes, which a request target may have (RFC 9112, 3.2). */
export const targetBytes: Uint8Array = byteClass((byte) => byte > SP && byte < 0x7f)

/** The value of a hexadecimal digit, 255 for any other byte. */
export const hexValues: Uint8Array = Uint8Array.from({ length: 256 }, (_, byte) => {
  const value = parseInt(String.fromCharCode(byte), 16)
  return Number.isNaN(value) ? 255 : value
})

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
// this excludes every control byte but HTAB, and every character outside latin-1
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * Whether this is a `token` (RFC 9110, 5.6.2).
 *
 * @since 0.1.0
 */
export const isToken = (text: string): boolean => token.test(text)

/**
 * Whether this text can be sent as a field value: latin-1 without control characters but tab (RFC 9110, 5.5).
 *
 * @since 0.1.0
 */
export const isFieldValue = (text: string): boolean => fieldValue.test(text)

/**
 * A view of bytes as a Buffer, without a copy.
 *
 * @since 0.1.0
 */
export const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * Bytes as latin-1 text: each byte one character (RFC 9110, 5.5, obs-text).
 *
 * @since 0.1.0
 */
export const latin1 = (bytes: Uint8Array, from: number, to: number): string =>
  asBuffer(bytes).toString("latin1", from, to)

/**
 * Text without the spaces and tabs around it (RFC 9110, 5.6.3). A regular expression would take quadratic time for a long run of
 * spaces inside.
 */
export const trimmed = (text: string): string => {
  let start = 0
  let end = text.length
  while (start < end && isBlank(text.charCodeAt(start))) start++
  while (end > start && isBlank(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}

const isBlank = (code: number): boolean => code === SP || code === HTAB

/**
 * The members of a comma-separated list in lower case, without empty members (RFC 9110, 5.6.1).
 *
 * @since 0.1.0
 */
export const listMembers = (value: string): ReadonlyArray<string> =>
  value.toLowerCase().split(",").map(trimmed).filter((member) => member !== "")

/** A byte as it is named in a failure, such as `0x0d`. */
export const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, "0")}`
