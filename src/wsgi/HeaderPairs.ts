/**
 * Field names and values, as an application gives them.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export type HeaderPairs = Iterable<readonly [name: string, value: string]>
