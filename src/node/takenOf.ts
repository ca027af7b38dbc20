/**
 * How far the kernel has come with what a stream was given.
 *
 * @since 0.2.0
 */
import type { Duplex } from "node:stream"
import { bufferedOf, queuedOf } from "./internal.js"

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
