/**
 * Errors with a `_tag`, by which `Effect.catchTag` and a `switch` tell them apart. Plain classes, so that whoever has no Effect
 * has their types all the same.
 *
 * @since 0.2.0
 */

/**
 * A base class for errors of one tag, which is their name too. An instance has the fields that it is made with; a `cause` is
 * handed on to `Error`. `message` is a getter of each class.
 *
 * @since 0.2.0
 * @category constructors
 */
export function TaggedError<const Tag extends string>(
  tag: Tag
): new<Fields extends object>(fields: Fields) => Error & { readonly _tag: Tag } & Readonly<Fields>
export function TaggedError(tag: string): new(fields: object) => Error {
  class Tagged extends Error {
    readonly _tag = tag

    constructor(fields: object) {
      super()
      Object.assign(this, fields)
      // The message is made of the fields, and the stack begins with it.
      Error.captureStackTrace(this, new.target)
    }
  }
  Object.defineProperty(Tagged.prototype, "name", { value: tag, configurable: true, writable: true })
  return Tagged
}
