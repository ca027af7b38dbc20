/**
 * A urlencoded form in parts, so that a long one can be parsed piecemeal.
 *
 * @since 0.2.0
 */

/** Characters of a part, which is parsed without a pause. */
const sliceLength = 8192

/**
 * Parts of a urlencoded text, each of about 8 KiB, or longer if one pair is longer. In the parts, one after the other,
 * `URLSearchParams` finds the same pairs as in the whole text.
 *
 * @since 0.2.0
 */
export function* formSlices(text: string): Generator<string> {
  for (let from = 0; from < text.length;) {
    const end = text.indexOf("&", from + sliceLength)
    const next = end < 0 ? text.length : end
    // all parts but the first begin with the separator, so that a question mark after it is part of a name
    yield text.slice(from, next)
    from = next
  }
}
