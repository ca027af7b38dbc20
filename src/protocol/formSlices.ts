/**
 * A urlencoded form in parts, so that a long one can be parsed piecemeal.
 *
 * @since 0.2.0
 */

/** Characters of a part, which are parsed without a pause. */
const sliceLength = 8192

/**
 * Parts of a urlencoded text, each of about 8 KiB, or longer where one pair is longer. `URLSearchParams` finds the same pairs
 * in the parts, one after the other, as in the whole text.
 *
 * @since 0.2.0
 */
export function* formSlices(text: string): Generator<string> {
  for (let from = 0; from < text.length;) {
    const end = text.indexOf("&", from + sliceLength)
    const next = end < 0 ? text.length : end
    // all but the first begin with the separator, so that a question mark after it is a part of a name
    yield text.slice(from, next)
    from = next
  }
}
