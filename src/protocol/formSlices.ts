/**
 * A urlencoded form in parts, so that whoever parses a long one need not do it at one go.
 *
 * @since 0.2.0
 */

/** So much is parsed in some milliseconds, whatever it is. */
const sliceLength = 8192

/**
 * Parts of a urlencoded text, each of about 8 KiB, and longer where one pair is: the pairs that `URLSearchParams` finds in
 * them, one part after the other, are those that it finds in the text.
 *
 * @since 0.2.0
 */
export function* formSlices(text: string): Generator<string> {
  for (let from = 0; from < text.length;) {
    const end = text.indexOf("&", from + sliceLength)
    const next = end < 0 ? text.length : end
    // but for the first it begins with the separator: a question mark behind it is the beginning of a name
    yield text.slice(from, next)
    from = next
  }
}
