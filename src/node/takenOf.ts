/**
 * How far the kernel has come with what a stream was given.
 *
 * @since 0.2.0
 */
import type { Duplex } from "node:stream"

/**
 * Bytes of a socket's writes that the kernel has, also within a large one, of which it takes a part at a time. Of a stream
 * that is no socket it is a number that rises with what is taken.
 *
 * @since 0.2.0
 * @category accessors
 */
export const takenOf = (stream: Duplex): number => {
  const { writableLength } = stream
  if (!("bytesWritten" in stream) || typeof stream.bytesWritten !== "number") return -writableLength
  const buffered = bufferedOf(stream)
  return stream.bytesWritten - buffered - Math.min(queuedOf(stream), writableLength - buffered)
}

// what waits behind the write that is under way
const bufferedOf = (stream: Duplex): number => {
  const waiting: unknown = Reflect.get(stream, "writableBuffer")
  if (!Array.isArray(waiting)) return 0
  return waiting.reduce<number>((sum, { chunk }: { readonly chunk: Uint8Array }) => sum + chunk.length, 0)
}

// What is left of the write under way is known to the socket's handle only; without it the write counts when it is over.
const queuedOf = (stream: Duplex): number => {
  const handle: unknown = Reflect.get(stream, "_handle")
  const queued: unknown = typeof handle === "object" && handle !== null
    ? Reflect.get(handle, "writeQueueSize")
    : undefined
  return typeof queued === "number" ? queued : Infinity
}
