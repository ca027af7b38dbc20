/**
 * Post hooks in the fiber of the handler that added them, when it has ended: to begin another fiber for what a hook leaves to
 * do costs more than most hooks.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type { Exchange } from "../server/Exchange.js"
import type { HookCarrier, HookQueue, Settings } from "../server/HookQueue.js"
import { childrenOf, hasChildren, haveSameRefs, refsOf } from "./fiberState.js"

/** What a hook has left to do, and who goes on when it is done. */
interface Burden {
  readonly effect: Effect.Effect<void, never, unknown>
  readonly queue: HookQueue
}

/**
 * Takes what hooks leave to do while `rest` runs, which is the end of the handler's fiber.
 *
 * @since 0.1.0
 * @category models
 */
export class CarriedHooks implements HookCarrier {
  /** Is the fiber at it, or about to be? */
  active = true
  private burden: Burden | undefined = undefined

  /** @param onOver the fiber does no more; hooks that run later, when the client has read for instance, need another */
  constructor(
    private readonly fiber: Fiber.RuntimeFiber<unknown, unknown>,
    private readonly onOver: () => void
  ) {}

  carry(effect: Effect.Effect<void, never, unknown>, queue: HookQueue, settings: Settings): boolean {
    if (settings === undefined || !this.active) return false
    const refs = refsOf(this.fiber)
    if (refs === settings) this.burden = { effect, queue }
    // what the handler has set since, and the hook's settings do not know, could not be taken back
    else if (!haveSameRefs(refs, settings)) return false
    else this.burden = { effect: Effect.zipRight(Effect.setFiberRefs(settings), effect), queue }
    return true
  }

  /** Does what there is, for the fiber to end with. Nobody who has got hold of it can interrupt what is not the handler. */
  get rest(): Effect.Effect<unknown, never, unknown> {
    return Effect.uninterruptible(this.next())
  }

  private next(): Effect.Effect<unknown, never, unknown> {
    const burden = this.burden
    if (burden === undefined) {
      this.end()
      return Effect.void
    }
    const goOn = (): Effect.Effect<unknown, never, unknown> => {
      this.burden = undefined
      burden.queue.goOn()
      return this.next()
    }
    // a hook is over when what it has forked is, as it would be in a fiber of its own
    const over = (): Effect.Effect<unknown, never, unknown> =>
      hasChildren(this.fiber) ? Effect.flatMap(Fiber.interruptAll(childrenOf(this.fiber)), goOn) : goOn()
    return Effect.matchCauseEffect(burden.effect, { onFailure: over, onSuccess: over })
  }

  /** The fiber is over. What broke it, if it was before the hooks were, must not keep the others from running. */
  ended(exit: Exit.Exit<unknown, unknown>, log: Pick<Exchange, "logFailure">): void {
    if (!this.active) return
    const burden = this.burden
    this.burden = undefined
    this.end()
    if (Exit.isFailure(exit)) log.logFailure("running the post hooks failed", exit.cause)
    burden?.queue.goOn()
  }

  private end(): void {
    this.active = false
    this.onOver()
  }
}
