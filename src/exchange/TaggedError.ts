/**
 * Errors with a `_tag`, by which `Effect.catchTag` and a `switch` tell them apart. They are plain classes, so that their types
 * need no Effect.
 *
 * @since 0.2.0
 */

/**
 * A base class for errors of one tag, which is their name too. An instance has the fields that it is given. `message` is a getter
 * of each class.
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
      // this is done after the fields are set, because the stack begins with the message, which is made from them
      Error.captureStackTrace(this, new.target)
    }
  }
  Object.defineProperty(Tagged.prototype, "name", { value: tag, configurable: true, writable: true })
  return Tagged
}
