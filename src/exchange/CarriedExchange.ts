/**
 * An exchange as its session has it.
 *
 * @since 0.2.0
 */
import type { Delay } from "./Application.js"
import type { DoorExchange } from "./DoorExchange.js"
import type { Exchange } from "./Exchange.js"
import type { AbortReason, Outcome } from "./Outcome.js"
import type { ReceivedBody } from "./ReceivedBody.js"
import type { BodyError, ResponseError } from "./ServerError.js"
import type { Stage } from "./Stage.js"
import type { WireUser } from "./Wire.js"

/**
 * What the wire tells an exchange, and what the session reads and does when a deadline has passed or the connection ends.
 * `leave` is a shortcut for exchanges without hooks, whose answers leave together.
 *
 * @since 0.2.0
 * @category models
 */
export interface CarriedExchange extends WireUser, RecordedExchange, Pick<DoorExchange, "serve"> {
  // how far it has come
  readonly body: ReceivedBody
  readonly stage: Stage
  readonly headSent: boolean
  readonly answerEnded: boolean
  readonly takenOver: boolean
  /** Whether its application has ended, so that no more is left than to drop a body and to run hooks. */
  readonly hasEnded: boolean
  /** Whether its answer was sent or given up, and only hooks or finalizers are left. */
  readonly isFinishing: boolean
  readonly owesContinue: boolean
  /** Whether an event stream is being sent, which ends only when one side leaves. */
  readonly isEndless: boolean
  readonly isRunning: boolean
  /** Whether an application runs that a stop cannot interrupt, so that its answer must be awaited and sent. */
  readonly isUninterruptible: boolean
  /** Whether it has neither a hook nor an application that must be waited for. */
  readonly unattended: boolean
  /** The failure of the application, or the fault of the client's body. */
  readonly error: unknown

  // its answer
  readonly fail: (error: unknown) => void
  readonly recordFailure: (error: unknown) => void
  readonly leave: (unsent: AbortReason, endTime: number) => void

  // its application
  /**
   * Ends the running application, and tells the listener how that goes on. If the door has not returned, that is done when it
   * has, because the application may run on.
   */
  readonly interrupt: (reason: AbortReason, listener: InterruptListener) => void
  readonly interruptLater: () => void
  readonly timeOut: (late: BodyError | ResponseError) => Delay | void
  readonly abandon: () => void
  readonly sayGoodbye: () => void
}

/**
 * Is told what has become of an application that was interrupted.
 *
 * @since 0.2.0
 * @category models
 */
export interface InterruptListener {
  /** Called once, when the application has ended, or if none runs. */
  readonly onEnded: () => void
  /** Called if the application goes on. It may be interrupted again. */
  readonly onDelayed: (delay: Delay) => void
}

/**
 * An exchange that is over, for the access log.
 *
 * @since 0.2.0
 * @category models
 */
export interface RecordedExchange
  extends Pick<Exchange, "peer" | "request" | "forwarded" | "startTime" | "status" | "wireBytes" | "outcome">
{
  /** The outcome, which is made now if it was not read before. */
  readonly conclude: () => Outcome
}
