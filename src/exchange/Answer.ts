/**
 * How far the answer has come, up to its last byte. What is behind that is the table of `Ending`.
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
