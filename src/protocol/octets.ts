/**
 * Text as bytes, and small parts that are joined, so that they are sent in one write.
 *
 * @since 0.1.0
 */
import { Buffer } from "node:buffer"

/**
 * Length of a text in bytes, encoded as UTF-8.
 *
 * @since 0.1.0
 */
export const utf8Length = (text: string): number => Buffer.byteLength(text, "utf8")

/**
 * A text encoded as UTF-8.
 *
 * @since 0.1.0
 */
export const utf8 = (text: string): Uint8Array => Buffer.from(text, "utf8")

/**
 * Latin-1 text and bytes as one array, in the given order.
 *
 * @since 0.1.0
 */
export const join = (parts: ReadonlyArray<string | Uint8Array>): Uint8Array => {
  let length = 0
  for (const part of parts) length += part.length
  const whole = Buffer.allocUnsafe(length)
  let at = 0
  for (const part of parts) {
    if (typeof part === "string") whole.write(part, at, "latin1")
    else whole.set(part, at)
    at += part.length
  }
  return whole
}

/**
 * A body for the wire. Short text stays text if latin-1 and UTF-8 agree. `length` is its length in UTF-8.
 *
 * @since 0.2.0
 */
export const textOrBytes = (body: string | Uint8Array, length: number): string | Uint8Array =>
  // they agree if every character is one byte
  typeof body !== "string" || (length === body.length && length <= 16_384) ? body : utf8(body)
