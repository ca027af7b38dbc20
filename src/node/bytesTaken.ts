/**
 * Counts the written bytes that the kernel has taken.
 *
 * @since 0.2.0
 */
import type { Duplex } from "node:stream"
import { bufferedOf, queuedOf } from "./internal.js"

/**
 * Bytes of a socket's writes that the kernel has taken. Parts of a large write count too, as they are taken. For a stream that is
 * not a socket, this is a number that grows as bytes are taken.
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
