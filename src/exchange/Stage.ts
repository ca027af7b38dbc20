/**
 * How far an exchange has come past its answer, and what moves it on.
 *
 * | from      | conclude  | leave | ended    | dropped | hooksRun |
 * | --------- | --------- | ----- | -------- | ------- | -------- |
 * | Running   | Concluded | Over  |          |         |          |
 * | Concluded |           |       | Dropping |         |          |
 * | Dropping  |           |       |          | Hooks   |          |
 * | Hooks     |           |       |          |         | Over     |
 * | Over      |           |       |          |         |          |
 *
 * @since 0.2.0
 */

/**
 * - `Running`: the answer is not given, or the kernel has not taken all of it.
 * - `Concluded`: the outcome is known; the application has yet to end.
 * - `Dropping`: the application has ended; the rest of the request's body is dropped.
 * - `Hooks`: the post hooks run.
 * - `Over`: the hooks have run, and the access log has its record.
 *
 * @since 0.2.0
 * @category models
 */
export type Stage = "Running" | "Concluded" | "Dropping" | "Hooks" | "Over"

/**
 * - `conclude`: the kernel has taken the last byte, or it never will.
 * - `leave`: it has taken the last byte, and there is neither a hook nor an application to wait for.
 * - `ended`: the application has ended.
 * - `dropped`: the request's body is read or dropped, or nothing waits for its end.
 * - `hooksRun`: the last hook has ended.
 *
 * @since 0.2.0
 * @category models
 */
export type EndingEvent = "conclude" | "leave" | "ended" | "dropped" | "hooksRun"

/**
 * The stage to which an event leads. An event without an entry changes nothing: a client, for instance, may leave at any stage,
 * and the first of two reasons is the one in the outcome.
 *
 * @since 0.2.0
 * @category constants
 */
export const transitions: { readonly [S in Stage]: { readonly [E in EndingEvent]?: Stage } } = {
  Running: { conclude: "Concluded", leave: "Over" },
  Concluded: { ended: "Dropping" },
  Dropping: { dropped: "Hooks" },
  Hooks: { hooksRun: "Over" },
  Over: {}
}
