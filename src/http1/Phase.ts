/**
 * What an HTTP/1 connection is doing. src/README.md has a table of all changes.
 *
 * @since 0.2.0
 */

/**
 * - `Idle`: it waits for a request.
 * - `Head`: a part of a request's head has arrived.
 * - `Waiting`: a head is complete, and waits for a place.
 * - `Busy`: the request has an exchange, which is not over.
 * - `Lingering`: the last answer was given; the client may still have to read it.
 * - `TakenOver`: another protocol has taken it over.
 *
 * @since 0.2.0
 * @category models
 */
export type Phase = "Idle" | "Head" | "Waiting" | "Busy" | "Lingering" | "TakenOver"
