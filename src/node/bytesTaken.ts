/**
 * Counts the written bytes that the kernel has taken.
 *
 * @since 0.2.0
 */
import type { Duplex } from "node:stream"
import { bufferedOf, queuedOf } from "./internal.js"

/**
 * Bytes of a socket's writes that the kernel has taken, also within a large write, of which it takes a part at a time. For a
 * stream that is no socket, a number that grows as bytes are taken.
 *
 * @since 0.2.0
 * @category accessors
 */
export const bytesTaken = (stream: Duplex): number => {
  const { writableLength } = stream
  if (!("bytesWritten" in stream) || typeof stream.bytesWritten !== "number") return -writableLength
  const buffered = bufferedOf(stream)
  return stream.bytesWritten - buffered - Math.min(queuedOf(stream), writableLength - buffered)
}
