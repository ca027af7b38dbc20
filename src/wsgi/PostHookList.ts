/**
 * The array under `eventlet.posthooks`.
 *
 * @since 0.1.0
 */
import type { PostHookEntry } from "./Environ.js"

/**
 * An array that tells when something is pushed, so that a hook that comes after the others have run is not lost.
 *
 * @since 0.1.0
 * @category models
 */
export class PostHookList extends Array<PostHookEntry> {
  // what `map`, `filter` and the like make is a plain array
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  readonly #pushed: (entries: ReadonlyArray<PostHookEntry>) => void

  constructor(pushed: (entries: ReadonlyArray<PostHookEntry>) => void) {
    super()
    this.#pushed = pushed
  }

  override push(...entries: Array<PostHookEntry>): number {
    const length = super.push(...entries)
    this.#pushed(entries)
    return length
  }
}
