/**
 * The application at work on an exchange, as far as the engine knows it: that it runs, how to stop it, when it has ended.
 *
 * @since 0.1.0
 */
import type { AbortReason } from "./Outcome.js"

/**
 * Stops a running application, and says when that has ended. Or it asks to be asked again: `EndsByItself` when the time
 * for that is over, `RunsOn` when the server stops and not before, whoever may have left.
 *
 * @since 0.1.0
 * @category models
 */
export type Interruptor = (reason: AbortReason, ended: () => void) => Plea | void

/**
 * @since 0.1.0
 * @category models
 */
export type Plea = "EndsByItself" | "RunsOn"

/**
 * @since 0.1.0
 * @category models
 */
export class Application {
  private interruptor: Interruptor | undefined = undefined
  private awaited = false
  private answersFirst: (() => boolean) | undefined = undefined
  private onEnded: (() => void) | undefined = undefined
  private onOver: (() => void) | undefined = undefined

  get isRunning(): boolean {
    return this.interruptor !== undefined
  }

  /**
   * It runs on and can be interrupted; a server that stops waits for one that is `awaited` however long it takes. What
   * cannot be interrupted now `answersFirst`: then a stop leaves its connection to it.
   */
  running(interruptor: Interruptor, awaited: boolean, answersFirst?: () => boolean): void {
    this.interruptor = interruptor
    this.awaited = awaited
    this.answersFirst = answersFirst
  }

  /** Is it one that a stop has to let answer, because it cannot be interrupted? */
  get isUninterruptible(): boolean {
    return this.interruptor !== undefined && this.answersFirst?.() === true
  }

  /** It has ended, by itself or interrupted. */
  ended(): void {
    this.interruptor = undefined
    const onEnded = this.onEnded
    this.onEnded = undefined
    onEnded?.()
    this.onOver?.()
    this.onOver = undefined
  }

  /** Calls back when it has ended: at once where it has. */
  whenEnded(callback: () => void): void {
    if (this.interruptor === undefined) callback()
    else this.onEnded = callback
  }

  /** Stops it, and says when it has ended. */
  interrupt(reason: AbortReason, ended: () => void): Plea | void {
    if (this.interruptor === undefined) return ended()
    this.onEnded = ended
    return this.interruptor(reason, () => this.ended())
  }

  /** Tells it to stop, and changes nothing of who waits for its end. */
  tell(reason: AbortReason): Plea | void {
    return this.interruptor?.(reason, () => this.ended())
  }

  /** It has not ended in time: what waits for it goes on. `detach` makes the server's stop wait for one that is awaited. */
  abandon(detach: () => () => void): void {
    // counted before it is let go: the connection of the last one ends with that
    const over = this.awaited ? detach() : undefined
    this.ended()
    this.onOver = over
  }

  /** What is left of it are finalizers: a stop waits for them as for hooks. */
  finalizing(detach: () => () => void): void {
    const { onOver } = this
    if (onOver === undefined) return
    this.onOver = detach()
    onOver()
  }
}
