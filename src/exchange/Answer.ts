/**
 * How far the answer has come, up to its last byte. `Ending` has what follows.
 *
 * @since 0.2.0
 * @category models
 */
export enum Answer {
  Awaited,
  Prepared,
  Sending,
  Complete,
  TakenOver,
  GivenUp
}
