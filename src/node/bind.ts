/**
 * Binds a socket that does not listen yet. Its address is known, and any number of processes that inherit its descriptor can
 * serve on it with `listen({ fd })`.
 *
 * The system refuses connections until the first process listens. From then on it queues them, even while no process accepts,
 * until the socket is closed here and in all processes that have inherited it.
 *
 * @since 0.2.0
 */
import { lookup } from "node:dns/promises"
import * as Net from "node:net"
import { BindError, bindErrorFrom, OptionError } from "../exchange/ServerError.js"
import { type OptionTable, pick, type TableOf } from "../server/checkOptions.js"
import { misplaced } from "../server/optionKinds.js"
import { bindHandle, type BoundHandle } from "./bindHandle.js"
import { listenArguments } from "./listenArguments.js"
import { check, describe, listenerTable, portOf, validate } from "./listenChecks.js"
import type { BoundSocket, ListenOptions } from "./ListenOptions.js"
import { claim } from "./unixSocket.js"

export type { BoundSocket }

/**
 * Where to bind: the options of `listen` for a port or a path.
 *
 * @since 0.2.0
 * @category models
 */
export type BindOptions = Pick<
  ListenOptions,
  "port" | "host" | "backlog" | "ipv6Only" | "reusePort" | "path" | "mode"
>

/**
 * Binds a port on `127.0.0.1`, as a number or its text, or where the options say: a TCP port or a unix socket, which the caller
 * closes. Rejects with a `BindError`, whose reason is `InvalidOptions` for an
 * invalid option.
 *
 * A TCP port can be bound twice until one of the two sockets listens. The file of a unix socket is taken at once. The file of a
 * dead process is replaced; that of a live one is not, even if it does not listen yet.
 *
 * @example
 * ```ts
 * import { bind, listen, server } from "tsgi"
 *
 * const socket = await bind({ port: 80 })
 * process.setuid?.("nobody") // the port is bound, so root is no longer needed
 * server(listen({ socket }), (_, startResponse) => {
 *   startResponse("204 No Content", [])
 *   return ""
 * })
 * ```
 *
 * @function
 * @since 0.2.0
 * @category constructors
 */
export const bind: (portOrOptions?: number | string | BindOptions) => Promise<BoundSocket> = async (
  given = {},
  ...more: ReadonlyArray<unknown>
) => {
  let options: BindOptions = {}
  try {
    options = listenArguments("bind", given, more)
    checkBind(options)
    return options.path === undefined ? await bindTcp(options) : await bindUnix(options.path, options)
  } catch (cause) {
    throw cause instanceof OptionError
      ? new BindError({ reason: "InvalidOptions", address: describe(pick(options, own)), cause })
      : bindErrorFrom(cause, describe(options))
  }
}

const { backlog, host, ipv6Only, mode, path, port, reusePort } = listenerTable
const own: TableOf<BindOptions> = { port, host, backlog, ipv6Only, reusePort, path, mode }

const table: OptionTable = {
  ...Object.fromEntries(
    Object.keys(listenerTable).map((
      name
    ) => [name, misplaced(`is an option of listen, as in listen({ ${name}: ... })`)])
  ),
  ...own
}

const checkBind = (options: BindOptions): void => {
  check(options, "bind", table)
  validate(options, undefined)
}

const bindTcp = async (options: BindOptions): Promise<BoundSocket> => {
  const { host = "127.0.0.1", ipv6Only = false, reusePort = false } = options
  const port = portOf(options)
  const at = (host: string): BoundHandle => bindHandle({ host, port, ipv6Only, reusePort })
  if (host !== "*") return boundSocket(at(Net.isIP(host) === 0 ? (await lookup(host)).address : host), options, nothing)
  let handle: BoundHandle
  try {
    handle = at("::")
  } catch {
    // the machine has no IPv6
    handle = at("0.0.0.0")
  }
  return boundSocket(handle, options, nothing)
}

const bindUnix = async (path: string, options: BindOptions): Promise<BoundSocket> => {
  let handle: BoundHandle | undefined
  const remove = await claim(path, options.mode, (name) => {
    handle = bindHandle({ path: name })
    return Promise.resolve()
  }).catch((error: unknown) => {
    handle?.close()
    throw error
  })
  if (handle === undefined) throw new Error("no socket was bound")
  return boundSocket({ ...handle, address: { _tag: "Unix", path } }, options, remove)
}

const nothing = (): void => undefined

const boundSocket = (
  { address, close, fd }: BoundHandle,
  { backlog = 511 }: BindOptions,
  remove: () => void
): BoundSocket => {
  let state: "Bound" | "Taken" | "Closed" = "Bound"
  const closeOnce = (): void => {
    const before = state
    state = "Closed"
    if (before === "Closed") return
    remove()
    // once a listener has taken the descriptor, it closes it
    if (before === "Bound") close()
  }
  return {
    address,
    fd,
    backlog,
    close: closeOnce,
    take: () => {
      if (state !== "Bound") {
        throw Object.assign(
          new Error(`the socket ${state === "Closed" ? "is closed" : "is served already"}; bind another`),
          { code: "ERR_SOCKET_HANDLE_ADOPTED" }
        )
      }
      state = "Taken"
      return fd
    },
    [Symbol.dispose]: closeOnce
  }
}
