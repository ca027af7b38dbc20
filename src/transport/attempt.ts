/**
 * Runs a step of a connection. If it throws, only this connection ends. `broken` must not throw.
 *
 * @since 0.2.0
 */

/** @since 0.2.0 */
export const attempt = <A, B>(
  of: { readonly broken: (error: unknown) => void },
  step: (first: A, second: B) => void,
  first: A,
  second: B
): void => {
  try {
    step(first, second)
  } catch (error) {
    of.broken(error)
  }
}
