/**
 * Apps that listen by themselves, which is the command's part. Plain Node.
 *
 * @since 0.2.0
 */

/**
 * The number of sockets of this process that listen.
 *
 * @since 0.2.0
 * @category accessors
 */
export const listening = (): number =>
  process.getActiveResourcesInfo().filter((name) => /^(?:TCPServer|Pipe)/.test(name) && name !== "PipeWrap").length

/**
 * What such an app does.
 *
 * @since 0.2.0
 * @category constants
 */
export const listens = "listens by itself"

/**
 * What to do about it.
 *
 * @since 0.2.0
 * @category constants
 */
export const remedy = "export the app, and leave the call that listens out"

/**
 * Whether an error, or a cause of it, says that an address could not be listened on.
 *
 * @since 0.2.0
 * @category guards
 */
export const isOfListen = (error: unknown): boolean =>
  error instanceof Error &&
  (error.name === "BindError" || ("syscall" in error && error.syscall === "listen") ||
    (error.cause !== error && isOfListen(error.cause)))
