/**
 * The post hooks of one exchange: in order of registration, each run once.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Outcome } from "./Outcome.js"
import type { HookFiberRefs } from "./PostHook.js"
import type { PostHook } from "./PostHook.js"

/**
 * Who runs hooks.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookRunner {
  /** Runs a hook: what is returned is left to do. */
  readonly runHook: (
    hook: PostHook<unknown>,
    outcome: Outcome,
    of: HookedExchange
  ) => void | Effect.Effect<unknown, never, unknown>
  readonly runEffect: (
    effect: Effect.Effect<unknown, never, unknown>,
    done: () => void,
    fiberRefs: HookFiberRefs
  ) => void
  /** Runs a hook beside the connection; the server's stop waits for it. */
  readonly runDetached: (
    hook: PostHook<unknown>,
    outcome: Outcome,
    fiberRefs: HookFiberRefs,
    of: HookedExchange
  ) => void
}

/**
 * Whose hooks they are, or who waits for them.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookOwner {
  /** All have run. */
  readonly hooksOver: () => void
}

/**
 * What has hooks.
 *
 * @since 0.2.0
 * @category models
 */
export interface HookedExchange extends HookOwner {
  /** Logs what went wrong beside it. */
  readonly logFailure: (message: string, failure: unknown) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface HookOptions {
  /** Run beside the connection's next requests? Default `false`. */
  readonly detached?: boolean | undefined
  /** That the services which the hook needs are among them is for the caller to see to. */
  readonly fiberRefs?: HookFiberRefs
}

class Entry {
  next: Entry | undefined = undefined

  constructor(
    readonly hook: PostHook<unknown>,
    readonly detached: boolean,
    readonly fiberRefs: HookFiberRefs
  ) {}
}

/**
 * @since 0.1.0
 * @category models
 */
export class HookQueue {
  // linked entries: most exchanges have one hook, and an array begins with room for sixteen
  private next: Entry | undefined = undefined
  private last: Entry | undefined = undefined
  private outcome: Outcome | undefined = undefined
  /** Who else is told by the owner when all have run, or run beside the connection: one, which is the door's. */
  listener: HookOwner | undefined = undefined

  constructor(private readonly runner: HookRunner, private readonly owner: HookedExchange) {}

  add(hook: PostHook<unknown>, options: HookOptions | undefined): void {
    const entry = new Entry(hook, options?.detached === true, options?.fiberRefs)
    if (this.next === undefined) this.next = entry
    else if (this.last !== undefined) this.last.next = entry
    this.last = entry
  }

  /** Runs all, those added meanwhile too, and tells the owner when they are done. */
  run(outcome: Outcome): void {
    this.outcome = outcome
    this.goOn()
  }

  private goOn(): void {
    const { outcome, runner } = this
    if (outcome === undefined) return
    for (let entry = this.take(); entry !== undefined; entry = this.take()) {
      const { detached, hook, fiberRefs } = entry
      if (detached) {
        runner.runDetached(hook, outcome, fiberRefs, this.owner)
        continue
      }
      const rest = runner.runHook(hook, outcome, this.owner)
      if (rest === undefined) continue
      runner.runEffect(rest, () => this.goOn(), fiberRefs)
      return
    }
    this.owner.hooksOver()
  }

  /** Runs all beside the connection. */
  runDetached(outcome: Outcome): void {
    for (let entry = this.take(); entry !== undefined; entry = this.take()) {
      this.runner.runDetached(entry.hook, outcome, entry.fiberRefs, this.owner)
    }
  }

  private take(): Entry | undefined {
    const entry = this.next
    this.next = entry?.next
    return entry
  }
}
