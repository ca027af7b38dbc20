/**
 * What an HTTP/1 connection is doing.
 *
 * @since 0.2.0
 */

/**
 * - `Idle`: it waits for a request.
 * - `Head`: a part of a request's head has come.
 * - `Waiting`: a head is complete, and waits for a place.
 * - `Busy`: the request has an exchange, which is not over.
 * - `Lingering`: the last answer was given; the client may still have to read it.
 * - `Detached`: another protocol has taken it over.
 *
 * @since 0.2.0
 * @category models
 */
export type Phase = "Idle" | "Head" | "Waiting" | "Busy" | "Lingering" | "Detached"

/**
 * Every change of a connection's phase, with its cause. A connection may close in any phase.
 *
 * @since 0.2.0
 * @category constants
 */
export const phaseChanges: ReadonlyArray<readonly [from: Phase, to: Phase, cause: string]> = [
  ["Idle", "Head", "a part of a head has come"],
  ["Idle", "Waiting", "a head is complete, and the connection has no place"],
  ["Idle", "Busy", "a head is complete"],
  ["Idle", "Lingering", "the connection is not to be reused, or the head is refused"],
  ["Head", "Waiting", "the head is complete, and the connection has no place"],
  ["Head", "Busy", "the head is complete"],
  ["Head", "Lingering", "the head is refused"],
  ["Waiting", "Idle", "a place has become free: the request is taken up again"],
  ["Waiting", "Busy", "there was a place at once"],
  ["Waiting", "Lingering", "no place has become free in time"],
  ["Busy", "Idle", "the exchange is over, or its whole answer waits to leave with others"],
  ["Busy", "Lingering", "the exchange is over, and the connection is not to be reused"],
  ["Busy", "Detached", "the application takes the connection over"]
]
