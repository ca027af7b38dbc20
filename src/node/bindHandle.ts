/**
 * Binds sockets that do not listen: by `net.BoundSocket` where Node has it (24.21, 26), otherwise by the function that
 * `net.Server` itself binds with.
 *
 * @since 0.2.0
 */
import * as Net from "node:net"
import { getSystemErrorMap } from "node:util"
import type { Address } from "../exchange/Address.js"
import { serverHandleMaker } from "./internal.js"

/**
 * The handle of a bound socket.
 *
 * @since 0.2.0
 * @category models
 */
export interface BoundHandle {
  readonly address: Address
  readonly fd: number
  readonly close: () => void
}

/**
 * @since 0.2.0
 * @category models
 */
export type BindTarget =
  | { readonly path: string }
  | {
    /** An IP address. */
    readonly host: string
    readonly port: number
    readonly ipv6Only: boolean
    readonly reusePort: boolean
  }

/**
 * Binds a socket. Throws the error of the system, with its `code`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const bindHandle = (target: BindTarget): BoundHandle => {
  const BoundSocket: unknown = Reflect.get(Net, "BoundSocket")
  // where this method exists, `net.BoundSocket` supports paths
  return isConstructor(BoundSocket) && (!("path" in target) || "isPipe" in BoundSocket.prototype)
    ? publicly(new BoundSocket(target), target)
    : internally(target)
}

const publicly = (socket: PublicSocket, target: BindTarget): BoundHandle => ({
  address: addressOf(socket.address(), target),
  fd: socket.fd(),
  close: () => socket.close()
})

/**
 * Binds by `net._createServerHandle`, which `node:cluster` uses too. If it fails, it returns the number of the error.
 *
 * @since 0.2.0
 * @category constructors
 */
export const internally = (target: BindTarget): BoundHandle => {
  const create = serverHandleMaker()
  if (create === undefined) {
    throw Object.assign(new Error("this runtime cannot bind without listening; Node 20 and later can"), {
      code: "ERR_FEATURE_UNAVAILABLE_ON_PLATFORM"
    })
  }
  const made: unknown = "path" in target
    ? create(target.path, -1, -1)
    : create(target.host, target.port, Net.isIP(target.host), undefined, flagsOf(target))
  if (!isHandle(made)) throw systemError(made, target)
  if ("path" in target) return { address: addressOf(target.path, target), fd: made.fd, close: () => made.close() }
  const address = {}
  // only here does libuv report that the address is in use
  const failed = made.getsockname?.(address)
  if (failed !== undefined && failed !== 0) {
    made.close()
    throw systemError(failed, target)
  }
  return { address: addressOf(address, target), fd: made.fd, close: () => made.close() }
}

interface PublicSocket {
  readonly address: () => unknown
  readonly fd: () => number
  readonly close: () => void
}

interface Handle {
  readonly fd: number
  readonly close: () => void
  readonly getsockname?: (address: object) => number
}

type Constructor = { readonly prototype: object } & (new(target: BindTarget) => PublicSocket)

const isConstructor = (given: unknown): given is Constructor => typeof given === "function"

const isHandle = (given: unknown): given is Handle => typeof given === "object" && given !== null && "fd" in given

// UV_TCP_IPV6ONLY and UV_TCP_REUSEPORT
const flagsOf = ({ ipv6Only, reusePort }: { readonly ipv6Only: boolean; readonly reusePort: boolean }): number =>
  (ipv6Only ? 1 : 0) | (reusePort ? 2 : 0)

const addressOf = (found: unknown, target: BindTarget): Address => {
  if ("path" in target) return { _tag: "Unix", path: target.path }
  const host: unknown = typeof found === "object" && found !== null && "address" in found ? found.address : undefined
  const port: unknown = typeof found === "object" && found !== null && "port" in found ? found.port : undefined
  return {
    _tag: "Tcp",
    host: typeof host === "string" ? host : target.host,
    port: typeof port === "number" ? port : target.port
  }
}

const systemError = (number: unknown, target: BindTarget): Error => {
  const [code, text] = (typeof number === "number" ? getSystemErrorMap().get(number) : undefined) ??
    ["UNKNOWN", `error ${String(number)}`]
  const place = "path" in target ? target.path : `${target.host}:${target.port}`
  return Object.assign(new Error(`bind ${code}: ${text} ${place}`), { code })
}
