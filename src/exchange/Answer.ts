/**
 * How far the answer to a request has come.
 *
 * @since 0.2.0
 */

/**
 * How far the answer has come, up to its last byte. `Ending` has what follows. src/README.md has a table of all changes.
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
