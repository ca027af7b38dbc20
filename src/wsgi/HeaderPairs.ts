/**
 * Field names and values, as an application gives them.
 *
 * @since 0.1.0
 */

/**
 * A field: name and value, both strings.
 *
 * @since 0.2.0
 * @category models
 */
export type HeaderPair = readonly [name: string, value: string]

/**
 * Fields, in the order in which they are sent: an array of pairs, or any iterable of pairs, such as a `Map` or `Headers`. Arrays
 * are iterables, too; they are named so that the compiler points at the invalid pair.
 *
 * @since 0.1.0
 * @category models
 */
export type HeaderPairs = ReadonlyArray<HeaderPair> | Iterable<HeaderPair>
