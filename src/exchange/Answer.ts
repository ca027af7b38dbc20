/**
 * How far the answer to a request has come.
 *
 * @since 0.2.0
 */

/**
 * How far the answer has come, up to its last byte. `Ending` has what follows.
 *
 * - `Awaited`: the application has given no head.
 * - `Prepared`: a head is given, and waits for the first part of its body.
 * - `Sending`: the head is sent.
 * - `Complete`: the last byte is given to the wire.
 * - `TakenOver`: another protocol has the connection.
 * - `GivenUp`: nothing more can be sent.
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

/**
 * Every change of an answer, with its cause.
 *
 * @since 0.2.0
 * @category constants
 */
export const answerChanges: ReadonlyArray<
  readonly [from: keyof typeof Answer, to: keyof typeof Answer, cause: string]
> = [
  ["Awaited", "Prepared", "a head is given, and its body is to follow"],
  ["Awaited", "Sending", "a whole answer is longer than its Content-Length, and is cut"],
  ["Awaited", "Complete", "a whole answer is given"],
  ["Awaited", "TakenOver", "the application takes the connection over"],
  ["Awaited", "GivenUp", "the exchange ends"],
  ["Prepared", "Awaited", "the head is withdrawn"],
  ["Prepared", "Sending", "the first part of the body is given, or the last"],
  ["Prepared", "GivenUp", "the exchange ends"],
  ["Sending", "Complete", "the body is given to its end"],
  ["Sending", "GivenUp", "the exchange ends"],
  ["Complete", "Awaited", "the length of a whole answer is not its Content-Length"],
  ["Complete", "GivenUp", "the outcome is known"],
  ["TakenOver", "GivenUp", "the outcome is known"]
]
