/**
 * What happens to an exchange after its answer, by the table of `Stage`. Nothing else changes its stage.
 *
 * @since 0.2.0
 */
import type { FiberRefs } from "effect/FiberRefs"
import type { JudgedHead } from "../protocol/heads.js"
import type { AcceptedPeer } from "./AcceptedPeer.js"
import { Answer } from "./Answer.js"
import { Application, type Delay, type Interruptor, type Work } from "./Application.js"
import type { InterruptListener } from "./CarriedExchange.js"
import { type HookedExchange, type HookListener, type HookOptions, HookQueue, runDetached } from "./HookQueue.js"
import type { AbortReason, Facts, Outcome } from "./Outcome.js"
import { noFailure, outcomeOf } from "./outcomeOf.js"
import type { PostHook } from "./PostHook.js"
import type { ReceivedBody } from "./ReceivedBody.js"
import { BodyError } from "./ServerError.js"
import { type EndingEvent, type Stage, transitions } from "./Stage.js"
import type { Wire, WireUser } from "./Wire.js"

/**
 * The part of an exchange that the table moves: its application, its hooks and its outcome. `ServedExchange` adds the answer.
 *
 * @since 0.2.0
 * @category models
 */
export abstract class Ending<Written> implements HookedExchange, WireUser {
  protected answer: Answer = Answer.Awaited
  // the head that is prepared or was sent; an earlier one that was withdrawn does not count
  protected head: JudgedHead<Written> | undefined = undefined
  protected interimResponses = 0
  private current: Stage = "Running"
  private firstByteTime: number | undefined = undefined
  private endTime: number | undefined = undefined
  private fixed: Outcome | undefined = undefined
  private failure: unknown = noFailure
  private abortReason: AbortReason | undefined = undefined
  private application: Application | undefined = undefined
  private hooks: HookQueue | undefined = undefined
  // what is done when the handler has returned; `undefined` if none has to
  private onReturned: (() => void) | undefined = undefined

  constructor(protected readonly wire: Wire<Written>, readonly startTime: number) {}

  get body(): ReceivedBody {
    return this.wire.body
  }

  get peer(): AcceptedPeer {
    return this.wire.peer
  }

  /** How far it has come past the answer. */
  get stage(): Stage {
    return this.current
  }

  /** Whether the application has ended, so that no more is left than to drop a body and to run hooks. */
  get hasEnded(): boolean {
    return this.current !== "Running" && this.current !== "Concluded"
  }

  /** Whether its answer was sent or given up, and only hooks or finalizers are left. */
  get isFinishing(): boolean {
    return this.current === "Hooks" || (this.current === "Concluded" && this.application?.isFinalizing === true)
  }

  get takenOver(): boolean {
    return this.answer === Answer.TakenOver
  }

  /** Status of the head that was sent. */
  get status(): number | undefined {
    return this.headSent ? this.head?.status : undefined
  }

  get headSent(): boolean {
    return this.answer >= Answer.Sending
  }

  get answerEnded(): boolean {
    return this.answer >= Answer.Complete
  }

  get outcome(): Outcome | undefined {
    return this.fixed
  }

  /** The failure of the application, or the fault of the client's body. */
  get error(): unknown {
    return this.failure === noFailure ? undefined : this.failure
  }

  get aborted(): AbortReason | undefined {
    return this.abortReason
  }

  get hooked(): boolean {
    return this.hooks !== undefined
  }

  get hooksRun(): boolean {
    return this.current === "Over"
  }

  /** Whether it has neither a hook nor an application that must be waited for. */
  get unattended(): boolean {
    return this.hooks === undefined && this.application?.isExpected !== true
  }

  logFailure(message: string, failure: unknown, level: "Debug" | "Error" = "Error"): void {
    this.peer.log(level, message, failure === undefined ? "undefined was thrown" : failure, this.wire.request)
  }

  recordFailure(error: unknown): void {
    this.failure = error
  }

  awaitRoom(callback: () => void): void {
    if (this.answerEnded || !this.wire.congested) callback()
    else this.ensuredApplication.whenRoom(callback)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the running application

  running(work: Work | Interruptor): void {
    this.ensuredApplication.running(typeof work === "function" ? { interrupt: work } : work)
  }

  get isRunning(): boolean {
    return this.application?.isRunning === true
  }

  /** Whether an application runs that a stop cannot interrupt, so that its answer must be awaited and sent. */
  get isUninterruptible(): boolean {
    return !this.answerEnded && this.application?.isUninterruptible === true
  }

  /** Called when the server stops. An uninterruptible application is interrupted once it can be. */
  interruptLater(): void {
    this.application?.interruptLater()
  }

  whenConcluded(callback: (outcome: Outcome) => void): void {
    if (this.fixed !== undefined) callback(this.fixed)
    else this.ensuredApplication.whenConcluded(callback)
  }

  ended(): void {
    const { application } = this
    if (application === undefined) return
    this.applicationGone(application.end())
    application.releaseStop()
  }

  /** Called when the application has not ended in time. The hooks run without it. */
  abandon(): void {
    const { detach, detachBriefly } = this.peer.engine
    if (this.application !== undefined) this.applicationGone(this.application.abandon(detach, detachBriefly))
  }

  private applicationGone(ended: (() => void) | undefined): void {
    try {
      if (this.current === "Concluded") this.peer.run(Ending.applicationEnded, this, undefined)
    } finally {
      ended?.()
    }
  }

  private static readonly applicationEnded = <Written>(ending: Ending<Written>): void => ending.step("ended")

  finalizing(): void {
    this.application?.finalizing(this.peer.engine.detachBriefly)
    if (this.isFinishing) this.wire.finishing()
  }

  /** Asks an application to end whose request is answered. */
  protected askToEnd(reason: AbortReason): Delay | void {
    this.abortReason ??= reason
    return this.application?.askToEnd(reason)
  }

  /** Called when a handler is given the exchange. */
  protected handlerCalled(): void {
    this.onReturned = nothing
  }

  /** Called when the handler has returned. The application may run on. */
  protected handlerReturned(): void {
    const { onReturned } = this
    this.onReturned = undefined
    onReturned?.()
  }

  interrupt(reason: AbortReason, listener: InterruptListener): void {
    this.abortReason ??= reason
    // the application may wait for its last byte to leave, which will no longer happen
    if (this.answer === Answer.Complete) this.conclude(reason)
    else if (!this.answerEnded) this.giveUp()
    if (reason === "Stopped") {
      this.body.fail(new BodyError({ reason: "Stopped", status: 503, description: "the server is stopping" }))
    } else if (reason === "ClientGone") this.body.disconnect()
    else this.body.fail(new BodyError({ reason: "Disconnected", status: 400, description: "the exchange was ended" }))
    // the handler has yet to say whether the application runs on, and how to interrupt it
    if (this.onReturned === undefined) this.interruptRunning(reason, listener)
    else this.onReturned = () => this.interruptRunning(reason, listener)
  }

  private interruptRunning(reason: AbortReason, listener: InterruptListener): void {
    const { application } = this
    if (application?.isRunning !== true) {
      this.roomAgain()
      return listener.onEnded()
    }
    const delay = application.interrupt(reason, () => listener.onEnded())
    this.roomAgain()
    if (delay !== undefined) listener.onDelayed(delay)
  }

  onGoodbye(goodbye: () => void): void {
    this.ensuredApplication.whenGoodbye(goodbye)
  }

  /** Called when the server stops and `timeouts.farewell` is over. */
  sayGoodbye(): void {
    this.application?.goodbye()
  }

  private get ensuredApplication(): Application {
    return this.application ??= new Application(() => this.ended())
  }

  // ---------------------------------------------------------------------------------------------------------------
  // post hooks

  postHook(hook: PostHook, options?: HookOptions): void
  postHook(hook: PostHook<unknown>, options: HookOptions & { readonly fiberRefs: FiberRefs }): void
  postHook(hook: PostHook<unknown>, options?: HookOptions): void {
    if (this.hooksRun) return runDetached(this.peer, hook, this.conclude(), options?.fiberRefs, this)
    this.hooks ??= new HookQueue(this.peer, this)
    this.hooks.add(hook, options)
  }

  whenHooksRun(listener: HookListener): void {
    this.hooks?.listen(listener)
  }

  /** All hooks have run. */
  onHooksRun(): void {
    this.step("hooksRun")
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what the wire tells

  bodyArrived(): void {
    this.body.notify()
  }

  roomAgain(): void {
    this.application?.roomAgain()
  }

  begun(): void {
    if (this.status !== undefined) this.firstByteTime ??= this.peer.engine.time.now()
  }

  allSent(nothingLeft: boolean): boolean {
    this.endTime ??= this.peer.engine.time.tick()
    return this.concludes("ClientGone", nothingLeft)
  }

  bodyDropped(): void {
    this.step("dropped")
  }

  lost(reason: AbortReason): void {
    this.conclude(reason)
  }

  /**
   * Called when the kernel has taken all of an unattended exchange, or never will; `unsent` is the reason for the latter. Hooks
   * that were added meanwhile run beside the next request. An outcome that is not `Sent` is fixed now, and `Sent` when it is
   * first read.
   */
  leave(unsent: AbortReason, endTime: number): void {
    this.endTime = endTime
    if (!this.wire.isSent) this.fix(unsent)
    this.move("leave", true)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the end

  /**
   * Fixes the outcome, from what is known now. `unsent` is the reason why the kernel has not taken all of a complete response.
   */
  conclude(unsent: AbortReason = "ClientGone"): Outcome {
    if (this.concludes(unsent, false)) this.wire.exchangeOver()
    return this.fix(unsent)
  }

  private concludes(unsent: AbortReason, nothingLeft: boolean): boolean {
    const outcome = this.fix(unsent)
    this.giveUp()
    this.application?.concluded(outcome)
    return this.move("conclude", nothingLeft)
  }

  // Nothing more is sent. A head that is only prepared is none.
  private giveUp(): void {
    if (!this.headSent) this.head = undefined
    this.answer = Answer.GivenUp
  }

  private step(event: EndingEvent): void {
    if (this.move(event, false)) this.wire.exchangeOver()
  }

  // Goes to the stage that the event leads to, and does the work of that stage. Returns whether the exchange is over with it.
  private move(event: EndingEvent, nothingLeft: boolean): boolean {
    const next = transitions[this.current][event]
    if (next === undefined) return false
    this.current = next
    switch (next) {
      case "Concluded":
        if (!this.isRunning) return this.move("ended", nothingLeft)
        if (this.isFinishing) this.wire.finishing()
        return false
      case "Dropping":
        if (!this.body.complete) this.body.close()
        return (nothingLeft || this.wire.dropBody()) && this.move("dropped", nothingLeft)
      case "Hooks":
        return (this.hooks === undefined || this.hooks.run(this.conclude())) && this.move("hooksRun", nothingLeft)
      case "Over":
        // these hooks were added while the answer was being sent
        if (event === "leave") this.hooks?.runDetached(this.conclude())
        this.hooks?.listener?.onHooksRun()
        return true
      case "Running":
        return false
    }
  }

  private fix(unsent: AbortReason): Outcome {
    if (this.fixed !== undefined) return this.fixed
    const isSent = (this.takenOver && unsent !== "WriteTimeout") || this.wire.isSent
    return this.fixed = outcomeOf(this.facts(), this.failure, this.abortReason, isSent ? undefined : unsent)
  }

  private facts(): Facts {
    // the time of a tick is when all its answers were sent, which may precede the head that a hook of one exchange gave another
    const endTime = Math.max(this.endTime ?? this.peer.engine.time.now(), this.firstByteTime ?? this.startTime)
    const { status } = this
    return {
      status,
      bodyBytes: this.wire.bodySent,
      wireBytes: this.wire.totalSent,
      interimResponses: this.interimResponses,
      startTime: this.startTime,
      // an answer that leaves at once begins and ends at the same time
      firstByteTime: status === undefined ? undefined : this.firstByteTime ?? endTime,
      endTime
    }
  }
}

const nothing = (): void => undefined
