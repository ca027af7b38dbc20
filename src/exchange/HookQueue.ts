/**
 * The post hooks of one exchange, which run in order of registration, each once.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type { Engine } from "./Engine.js"
import type { Outcome } from "./Outcome.js"
import type { HookFiberRefs, PostHook } from "./PostHook.js"

/**
 * Runs the hooks of a connection: its peer.
 *
 * @since 0.2.0
 * @category models
 */
export interface HookRunner {
  readonly engine: Pick<Engine, "runHook" | "runDetached">
  /** Runs the rest of a hook. */
  readonly runEffect: (
    effect: Effect.Effect<unknown, never, unknown>,
    done: () => void,
    fiberRefs: HookFiberRefs
  ) => void
}

/**
 * A listener that is told when hooks have run.
 *
 * @since 0.1.0
 * @category models
 */
export interface HookListener {
  /** Called when all hooks have run. */
  readonly onHooksRun: () => void
}

/**
 * An exchange that has hooks.
 *
 * @since 0.2.0
 * @category models
 */
export interface HookedExchange extends HookListener {
  /** Logs what went wrong beside the exchange. */
  readonly logFailure: (message: string, failure: unknown) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface HookOptions {
  /** Whether it runs beside the connection's next requests. Default `false`. */
  readonly detached?: boolean | undefined
  /** The fiber refs of the hook's fiber. The caller ensures that they have the services that the hook needs. */
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
  // the entries are linked, because most exchanges have one hook, and an array begins with room for sixteen
  private next: Entry | undefined = undefined
  private last: Entry | undefined = undefined
  private doorsListener: HookListener | undefined = undefined

  constructor(private readonly runner: HookRunner, private readonly owner: HookedExchange) {}

  /** The door's listener, which the owner tells when all have run, or run beside the connection. */
  get listener(): HookListener | undefined {
    return this.doorsListener
  }

  listen(listener: HookListener): void {
    this.doorsListener = listener
  }

  add(hook: PostHook<unknown>, options: HookOptions | undefined): void {
    const entry = new Entry(hook, options?.detached === true, options?.fiberRefs)
    if (this.next === undefined) this.next = entry
    else if (this.last !== undefined) this.last.next = entry
    this.last = entry
  }

  /**
   * Runs all hooks, including those that are added meanwhile. Returns `true` if they are done; otherwise the owner is told when
   * they are.
   */
  run(outcome: Outcome): boolean {
    const { owner, runner } = this
    for (let entry = this.take(); entry !== undefined; entry = this.take()) {
      const { detached, fiberRefs, hook } = entry
      if (detached) {
        runDetached(runner, hook, outcome, fiberRefs, owner)
        continue
      }
      const rest = runHook(runner, hook, outcome, owner)
      if (rest === undefined) continue
      runner.runEffect(rest, () => this.hookEnded(outcome), fiberRefs)
      return false
    }
    return true
  }

  private hookEnded(outcome: Outcome): void {
    if (this.run(outcome)) this.owner.onHooksRun()
  }

  /** Runs all hooks beside the connection. */
  runDetached(outcome: Outcome): void {
    for (let entry = this.take(); entry !== undefined; entry = this.take()) {
      runDetached(this.runner, entry.hook, outcome, entry.fiberRefs, this.owner)
    }
  }

  private take(): Entry | undefined {
    const entry = this.next
    this.next = entry?.next
    return entry
  }
}

const runHook = (
  { engine }: HookRunner,
  hook: PostHook<unknown>,
  outcome: Outcome,
  of: HookedExchange
): void | Effect.Effect<unknown, never, unknown> =>
  engine.runHook(hook, outcome, (failure) => of.logFailure("a post hook failed", failure))

/**
 * Runs a hook beside the connection; the server's stop waits for it.
 *
 * @since 0.2.0
 */
export const runDetached = (
  runner: HookRunner,
  hook: PostHook<unknown>,
  outcome: Outcome,
  fiberRefs: HookFiberRefs,
  of: HookedExchange
): void => {
  const rest = runHook(runner, hook, outcome, of)
  if (rest !== undefined) runner.engine.runDetached(rest, fiberRefs)
}
