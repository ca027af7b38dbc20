/**
 * An exchange as a door has it.
 *
 * @since 0.2.0
 */
import type { JudgedHead, ResponseHead } from "../protocol/heads.js"
import type { InvalidHead } from "../protocol/invalidHead.js"
import type { Exchange } from "./Exchange.js"
import type { HookListener } from "./HookQueue.js"

/**
 * What a door may do with an exchange, beyond what a handler may: it runs the application, and answers for it.
 *
 * @since 0.2.0
 * @category models
 */
export interface DoorExchange extends Exchange {
  /**
   * Gives the exchange to a handler, which begins the application. If it throws, the exchange fails. An end that comes before it
   * has returned waits until then, because only then it is known whether the application runs on, and how to interrupt it.
   */
  readonly serve: (handler: (exchange: DoorExchange) => void) => void
  /** Sends the 100 that is owed, if it still can be, as the first read does. */
  readonly payContinue: () => void
  /** Judges a final head, for `respond` or `start` of this exchange. */
  readonly draft: (head: ResponseHead) => JudgedHead | InvalidHead
  /** Records that the application has failed with this error, although its request is answered. */
  readonly recordFailure: (error: unknown) => void
  /** Logs what went wrong beside the exchange. */
  readonly logFailure: (message: string, failure: unknown, level?: "Debug" | "Error") => void
  /** Called when the application has ended but for its finalizers. A stop only waits for them as long as for a hook. */
  readonly finalizing: () => void
  /** Whether there is a post hook. */
  readonly hooked: boolean
  /** Whether the post hooks have run. */
  readonly hooksRun: boolean
  /** Tells the door when the hooks have run, if some have not. There is one listener. */
  readonly whenHooksRun: (listener: HookListener) => void
}
