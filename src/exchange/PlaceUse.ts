/**
 * What a connection does with its place, in the order in which connections give up theirs: those further down keep theirs longer,
 * and an active one keeps it.
 *
 * @since 0.2.0
 */

/**
 * @since 0.2.0
 * @category models
 */
export enum PlaceUse {
  /** An application runs for it, or it sends and receives. */
  Active,
  /** Its last answer is being sent. */
  Lingering,
  /** It was answered, and has sent no further request. */
  Idle,
  /** It has sent nothing yet. */
  Silent,
  /** A part of a request's head has arrived. */
  ReadingHead,
  /** The application waits for more of a body, or the rest of one is being dropped. */
  AwaitingBody,
  /** It was answered, and only hooks or finalizers of that request are left. */
  Finishing,
  /** The kernel takes nothing more of the answer. */
  AwaitingWrite,
  /** It has more to send than a tick allows, and waits for a later one. */
  Throttled
}
