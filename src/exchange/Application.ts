/**
 * The application that runs for an exchange, as the engine knows it: how to stop it, whether it has ended, and what it waits for.
 *
 * @since 0.1.0
 */
import type { AbortReason, Outcome } from "./Outcome.js"

/**
 * Stops a running application, and calls back when it has ended; or asks for a delay.
 *
 * @since 0.1.0
 * @category models
 */
export type Interruptor = (reason: AbortReason, ended: () => void) => Delay | void

/**
 * An interrupted application that goes on: with `EndsByItself` until `timeouts.interrupt` has passed, with `RunsOn` until the
 * server stops.
 *
 * @since 0.2.0
 * @category models
 */
export type Delay = "EndsByItself" | "RunsOn"

/**
 * A running application, for a door that can do more than interrupt it.
 *
 * @since 0.2.0
 * @category models
 */
export interface Work {
  readonly interrupt: Interruptor
  /** Whether a stop waits for its end, however long that takes. Default `false`. */
  readonly awaited?: boolean
  /** Whether it is uninterruptible at the moment, so that a stop waits for its answer. */
  readonly isUninterruptible?: () => boolean
  /** Interrupts it as soon as it is interruptible. */
  readonly interruptLater?: () => void
}

/**
 * @since 0.1.0
 * @category models
 */
export class Application {
  private work: Work | undefined = undefined
  private onEnded: (() => void) | undefined = undefined
  private freeStop: (() => void) | undefined = undefined
  private onConcluded: ((outcome: Outcome) => void) | undefined = undefined
  private onRoom: (() => void) | undefined = undefined
  private onGoodbye: (() => void) | undefined = undefined
  private finalizes = false

  /** @param ended the application calls this when it has ended */
  constructor(private readonly ended: () => void) {}

  get isRunning(): boolean {
    return this.work !== undefined
  }

  /** Whether the application has yet to end, or to act on the outcome. */
  get isExpected(): boolean {
    return this.work !== undefined || this.onConcluded !== undefined
  }

  /** Called when the application runs on. Sets how to interrupt it. */
  running(work: Work): void {
    this.work = work
  }

  /** Whether it is uninterruptible at the moment. */
  get isUninterruptible(): boolean {
    return this.work?.isUninterruptible?.() === true
  }

  /** Interrupts it as soon as it is interruptible. */
  interruptLater(): void {
    this.work?.interruptLater?.()
  }

  /** Whether only its finalizers are left. */
  get isFinalizing(): boolean {
    return this.finalizes
  }

  /** Called when the application has ended. Returns the callback that waits for that. */
  end(): (() => void) | undefined {
    const { onEnded } = this
    this.work = undefined
    this.onEnded = undefined
    return onEnded
  }

  /** Called when an abandoned application has ended. A stop no longer waits for it. */
  releaseStop(): void {
    const { freeStop } = this
    this.freeStop = undefined
    freeStop?.()
  }

  /** Stops it. `ended` is called when it has ended. */
  interrupt(reason: AbortReason, ended: () => void): Delay | void {
    if (this.work === undefined) return ended()
    this.onEnded = ended
    return this.askToEnd(reason)
  }

  /** Asks it to end. Its end is reported to the same callback as before. */
  askToEnd(reason: AbortReason): Delay | void {
    return this.work?.interrupt(reason, this.ended)
  }

  /**
   * Called when the application has not ended in time. Its exchange goes on without it; a stop waits for it if it is `awaited`.
   */
  abandon(detach: () => () => void, detachBriefly: () => () => void): (() => void) | undefined {
    if (this.work === undefined) return undefined
    // it is counted before it is abandoned, which may end the last connection
    this.freeStop = this.work.awaited === true ? (this.finalizes ? detachBriefly() : detach()) : undefined
    return this.end()
  }

  /** Called when only its finalizers are left. A stop waits for them as it does for hooks. */
  finalizing(detachBriefly: () => () => void): void {
    this.finalizes = true
    const { freeStop } = this
    if (freeStop === undefined) return
    this.freeStop = detachBriefly()
    freeStop()
  }

  /** Calls back once, when the outcome is known. Several may wait. */
  whenConcluded(callback: (outcome: Outcome) => void): void {
    this.onConcluded = both(this.onConcluded, callback)
  }

  concluded(outcome: Outcome): void {
    const { onConcluded } = this
    this.onConcluded = undefined
    onConcluded?.(outcome)
  }

  /** Calls back once, when there is room again. Several may wait. */
  whenRoom(callback: () => void): void {
    this.onRoom = both(this.onRoom, callback)
  }

  roomAgain(): void {
    const { onRoom } = this
    this.onRoom = undefined
    onRoom?.()
  }

  /** Calls back once, when the server stops and asks a connection without an end of its own to end. Several may wait. */
  whenGoodbye(callback: () => void): void {
    this.onGoodbye = both(this.onGoodbye, callback)
  }

  goodbye(): void {
    const { onGoodbye } = this
    this.onGoodbye = undefined
    onGoodbye?.()
  }
}

// Calls one after the other, the second one also if the first one throws.
const both = <A extends ReadonlyArray<unknown>>(
  first: ((...given: A) => void) | undefined,
  second: (...given: A) => void
): (...given: A) => void =>
  first === undefined ? second : (...given) => {
    try {
      first(...given)
    } finally {
      second(...given)
    }
  }
