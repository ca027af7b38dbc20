/**
 * The array under `eventlet.posthooks`.
 *
 * @since 0.1.0
 */
import type { PostHookEntry, PostHooks, PostHookTuple } from "./Environ.js"

/**
 * Hears what is pushed.
 *
 * @since 0.1.0
 * @category models
 */
export interface PushListener {
  readonly hooksPushed: (entries: ReadonlyArray<PostHookEntry | PostHookTuple>) => void
}

/**
 * An array that reports what is pushed, so that a hook that comes after the others have run is not lost.
 *
 * @since 0.1.0
 * @category models
 */
export class PostHookList extends Array<PostHookTuple> implements PostHooks {
  // `map`, `filter` and the like make plain arrays
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  readonly #listener: PushListener

  constructor(listener: PushListener) {
    super()
    this.#listener = listener
  }

  override push(...entries: Array<PostHookEntry | PostHookTuple>): number {
    // `super.push` leaves V8's fast path for an array of a subclass
    for (const entry of entries) this[this.length] = typeof entry === "function" ? [entry] : entry
    this.#listener.hooksPushed(entries)
    return this.length
  }
}
