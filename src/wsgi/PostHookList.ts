/**
 * The array under `eventlet.posthooks`, which gives its hooks to the exchange.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { Exchange } from "../exchange/Exchange.js"
import { notRun } from "../server/notRun.js"
import { callHook, isDetached, noList } from "./callHook.js"
import type { Environ, PostHookEntry, PostHookOptions, PostHooks, PostHookTuple } from "./Environ.js"

/** How far the hooks of the environ have come to the exchange. */
const enum Hooks {
  Untouched,
  /** The exchange has one hook, which adds the others when it runs. */
  Prepared,
  Given
}

/**
 * An array that overrides `push`, so that a hook that is added after the others have run is not lost.
 *
 * @since 0.1.0
 * @category models
 */
export class PostHookList extends Array<PostHookTuple> implements PostHooks {
  // `map`, `filter` and other methods make plain arrays
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  readonly #exchange: Exchange
  readonly #owner: { readonly env: Environ }
  #hooks: Hooks

  /** @param owner has the environ with which the hooks are called, and which may have another list by then */
  constructor(exchange: Exchange, owner: { readonly env: Environ }) {
    super()
    this.#exchange = exchange
    this.#owner = owner
    this.#hooks = Hooks.Untouched
  }

  override push(...entries: Array<PostHookEntry | PostHookTuple>): number {
    // for an array of a subclass, `super.push` leaves V8's fast path
    for (const entry of entries) this[this.length] = typeof entry === "function" ? [entry] : entry
    if (this.#hooks === Hooks.Given) { for (const entry of entries) this.#give(entry) }
    else this.prepare()
    return this.length
  }

  /**
   * Gives the exchange one hook, which reads the list when it runs, because the application may replace it until
   * then.
   */
  prepare(): void {
    if (this.#hooks !== Hooks.Untouched) return
    const { env } = this.#owner
    const list = env["eventlet.posthooks"]
    if (list === this && list.length === 0) return
    this.#hooks = Hooks.Prepared
    this.#exchange.postHook((outcome) => {
      env["tsgi.outcome"] = outcome
      this.#hooks = Hooks.Given
      // a value that is not a list does not replace the list
      const list: unknown = env["eventlet.posthooks"]
      for (const entry of Array.isArray(list) ? env["eventlet.posthooks"] : this) this.#give(entry)
      if (!Array.isArray(list) && list !== null && list !== undefined) throw noList(list)
    })
  }

  #give(entry: unknown): void {
    const { env } = this.#owner
    this.#exchange.postHook(
      () => {
        const result = callHook(entry, env)
        if (Predicate.isPromiseLike(result)) return result
        const error = notRun(result, "the hook", "give a function, or an async function")
        if (error !== undefined) throw error
      },
      isDetached(entry) ? detached : undefined
    )
  }
}

const detached: PostHookOptions = { detached: true }
