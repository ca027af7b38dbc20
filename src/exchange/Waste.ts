/**
 * What a connection makes of its place, the least first: who makes room for others is chosen by that.
 *
 * @since 0.2.0
 */

/**
 * @since 0.2.0
 * @category models
 */
export enum Waste {
  /** An application works for it, or it sends and receives. */
  None,
  /** It was told its last answer. */
  Parting,
  /** It has been answered, and asks nothing. */
  Idle,
  /** It has sent nothing yet. */
  Silent,
  /** It has begun a head, and not ended it. */
  Head,
  /** The application waits for more of a body, or a rest of one is waited for. */
  Body,
  /** The kernel takes nothing more of the answer. */
  Write,
  /** It has more to send than a tick allows, and its turn has not come. */
  Turn
}
