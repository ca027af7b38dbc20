/**
 * All that is read of Node's private parts, and of `sonic-boom`'s. They are not promised: each has a fallback for where it is gone,
 * and a test that tells when it is (test/node/Internals.test.ts).
 *
 * @since 0.2.0
 */
import * as Net from "node:net"
import type * as Tls from "node:tls"

const handleOf = (owner: object): object | undefined => {
  const handle: unknown = Reflect.get(owner, "_handle")
  return typeof handle === "object" && handle !== null ? handle : undefined
}

/**
 * `_handle.fd`: a socket's descriptor. Without it -1, which it is on Windows and of a socket that is gone too: how near the process is
 * to its last one is known when accepting fails, and not before.
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
 * `_handle.writeQueueSize`: bytes that are left of the write under way. Without it a write counts when it is over.
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
 * `writableBuffer`: bytes that wait behind the write under way. Without it they count as taken only with all before them.
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
 * `_handle.close` of a server: somebody closes what listens without the server, as a cluster's worker does. Without it that is
 * seen when the last connection is closed.
 *
 * @since 0.2.0
 * @category constructors
 */
export const onHandleClosed = (server: Net.Server, told: () => void): void => {
  const handle = handleOf(server)
  const close: unknown = handle === undefined ? undefined : Reflect.get(handle, "close")
  if (handle === undefined || typeof close !== "function") return
  Reflect.set(handle, "close", (...given: ReadonlyArray<unknown>): unknown => {
    told()
    const closed: unknown = Reflect.apply(close, handle, given)
    return closed
  })
}

/**
 * `_parent`: the socket under a secured one. On unix sockets there is nothing else to tell by. Without it handshakes that have ended are
 * not told from others, so that none has a bound.
 *
 * @since 0.2.0
 * @category accessors
 */
export const carrierOf = (secured: Tls.TLSSocket): Net.Socket | undefined => {
  const carrier: unknown = Reflect.get(secured, "_parent")
  return carrier instanceof Net.Socket ? carrier : undefined
}

/**
 * `readableFlowing`, which is public to read: a socket that was paused begins to flow for whoever listens next, as a new one does. Without
 * it that one has to resume it.
 *
 * @since 0.2.0
 * @category combinators
 */
export const flowForNext = (socket: Net.Socket): void => {
  Reflect.set(socket, "readableFlowing", null)
}

/**
 * `fd` of a `sonic-boom`: where it writes from here on. Without it a log that was opened anew goes on in the old file.
 *
 * @since 0.2.0
 * @category combinators
 */
export const writeTo = (file: object, descriptor: number): void => {
  Reflect.set(file, "fd", descriptor)
}

/**
 * `net._createServerHandle`, which `node:cluster` uses: it binds, and gives the handle or an error's number. Without it, and without
 * `net.BoundSocket`, nothing can be bound before it listens.
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
