/**
 * The array under `eventlet.posthooks`.
 *
 * @since 0.1.0
 */
import type { PostHookEntry } from "./Environ.js"

/**
 * Who wants to know.
 *
 * @since 0.1.0
 * @category models
 */
export interface Pushed {
  readonly hooksPushed: (entries: ReadonlyArray<PostHookEntry>) => void
}

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

  readonly #pushed: Pushed

  constructor(pushed: Pushed) {
    super()
    this.#pushed = pushed
  }

  override push(...entries: Array<PostHookEntry>): number {
    // one by one: to spread them takes several times as long, and mostly there is one
    for (const entry of entries) super.push(entry)
    this.#pushed.hooksPushed(entries)
    return this.length
  }
}
