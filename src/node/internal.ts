/**
 * All private parts of Node and `sonic-boom` that tsgi uses. Any version of them may drop these. Each has a fallback for that
 * case, and a test that fails then (test/node/Internals.test.ts).
 *
 * @since 0.2.0
 */
import * as Net from "node:net"
import type { Writable } from "node:stream"
import type * as Tls from "node:tls"

const handleOf = (owner: object): object | undefined => {
  const handle: unknown = Reflect.get(owner, "_handle")
  return typeof handle === "object" && handle !== null ? handle : undefined
}

/**
 * `_handle.fd`: a socket's descriptor. It is -1 if this is gone, on Windows, and for a closed socket. Then exhausted descriptors
 * are only noticed when a connection cannot be accepted.
 *
 * @since 0.2.0
 * @category accessors
 */
export const descriptorOf = (socket: Net.Socket): number => {
  const handle = handleOf(socket)
  const descriptor: unknown = handle === undefined ? undefined : Reflect.get(handle, "fd")
  return typeof descriptor === "number" ? descriptor : -1
}

/**
 * `_handle.writeQueueSize`: bytes that are left of the write in progress. If it is gone, a write only counts when it is complete.
 *
 * @since 0.2.0
 * @category accessors
 */
export const queuedOf = (stream: object): number => {
  const handle = handleOf(stream)
  const queued: unknown = handle === undefined ? undefined : Reflect.get(handle, "writeQueueSize")
  return typeof queued === "number" ? queued : Infinity
}

/**
 * `writableBuffer`: bytes that wait for the write in progress. If it is gone, they only count as taken together with all bytes
 * before them.
 *
 * @since 0.2.0
 * @category accessors
 */
export const bufferedOf = (stream: object): number => {
  const waiting: unknown = Reflect.get(stream, "writableBuffer")
  if (!Array.isArray(waiting)) return 0
  return waiting.reduce<number>((sum, { chunk }: { readonly chunk: Uint8Array }) => sum + chunk.length, 0)
}

/**
 * `_handle.close` of a server: calls back when other code closes the listening handle without the server, as a cluster's worker
 * does. If it is gone, that is noticed when the last connection is closed.
 *
 * @since 0.2.0
 * @category constructors
 */
export const onHandleClosed = (server: Net.Server, callback: () => void): void => {
  const handle = handleOf(server)
  const close: unknown = handle === undefined ? undefined : Reflect.get(handle, "close")
  if (handle === undefined || typeof close !== "function") return
  Reflect.set(handle, "close", (...given: ReadonlyArray<unknown>): unknown => {
    callback()
    const closed: unknown = Reflect.apply(close, handle, given)
    return closed
  })
}

/**
 * `_parent`: the socket under a secured one. On unix sockets nothing else identifies it. If it is gone, it is unknown which
 * handshake has succeeded, so their number has no bound.
 *
 * @since 0.2.0
 * @category accessors
 */
export const carrierOf = (secured: Tls.TLSSocket): Net.Socket | undefined => {
  const carrier: unknown = Reflect.get(secured, "_parent")
  return carrier instanceof Net.Socket ? carrier : undefined
}

/**
 * `readableFlowing`, which is public but only for reading: resets a paused socket, so that it flows for the next listener as a
 * new one does. If it is gone, the new owner must resume the socket.
 *
 * @since 0.2.0
 * @category combinators
 */
export const flowForNext = (socket: Net.Socket): void => {
  Reflect.set(socket, "readableFlowing", null)
}

/**
 * `_write` and `_writev`, one of which every write to a stream calls: calls back after each that leaves bytes waiting. If they
 * are gone, a connection that was taken over has no deadline for its writes.
 *
 * @since 0.2.0
 * @category combinators
 */
export const onWriteWaiting = (stream: Writable, callback: () => void): void => {
  for (const name of ["_write", "_writev"]) {
    const write: unknown = Reflect.get(stream, name)
    if (typeof write !== "function") continue
    Reflect.set(stream, name, (...given: ReadonlyArray<unknown>): void => {
      Reflect.apply(write, stream, given)
      if (stream.writableLength > 0) callback()
    })
  }
}

/**
 * `servername`: the host name for which a TLS client has asked (SNI, RFC 6066, 3). If it is gone, the name is unknown.
 *
 * @since 0.2.0
 * @category accessors
 */
export const serverNameOf = (secured: Tls.TLSSocket): string | undefined => {
  const name: unknown = Reflect.get(secured, "servername")
  return typeof name === "string" ? name : undefined
}

/**
 * `fd` of a `sonic-boom`: the descriptor to which it writes from now on. Returns `false` if it is gone: a reopened log goes on in
 * the old file, and lines that nobody reads are tried again after the log is closed.
 *
 * @since 0.2.0
 * @category combinators
 */
export const writeTo = (file: object, descriptor: number): boolean => Reflect.set(file, "fd", descriptor)

/**
 * `net._createServerHandle`, which `node:cluster` uses: binds, and returns the handle or an error number. If it and
 * `net.BoundSocket` are gone, a socket cannot be bound before it listens.
 *
 * @since 0.2.0
 * @category accessors
 */
export const serverHandleMaker = (): ((...given: ReadonlyArray<unknown>) => unknown) | undefined => {
  const create: unknown = Reflect.get(Net, "_createServerHandle")
  if (typeof create !== "function") return undefined
  return (...given) => {
    const made: unknown = Reflect.apply(create, Net, given)
    return made
  }
}
