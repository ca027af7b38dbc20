/**
 * How far an exchange has come past its answer.
 *
 * @since 0.2.0
 */

/**
 * - `Running`: the answer is not given, or the kernel has not taken all of it.
 * - `Settled`: the outcome is known; the application has yet to end.
 * - `Dropping`: the application has ended; the rest of the request's body is dropped.
 * - `Hooks`: the post hooks run.
 * - `Over`: the hooks have run, and the access log has its record.
 *
 * @since 0.2.0
 * @category models
 */
export type Stage = "Running" | "Settled" | "Dropping" | "Hooks" | "Over"
