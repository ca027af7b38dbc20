/**
 * The same bytes, cut in every way that matters. A reader of a stream must give the same result however the bytes arrive.
 */
import { isDeepStrictEqual } from "node:util"
import { thorough } from "./runs.js"

// Of more than this many bytes, pieces of this many take the place of single bytes, and not every position is cut: only those
// near both ends, and a sample between them.
const few = 2048
const nearEnds = 16
const stride = 8209
const shortPiece = 509

/** One in so many of the positions that are not near the ends is cut, and with RUNS each one. */
const step = thorough ? 1 : 13

/**
 * Runs with the bytes whole, byte by byte, and cut in two at many positions from `from` on. Throws if the results differ, and
 * returns the result otherwise.
 */
export const everySplit = <A>(bytes: Uint8Array, run: (chunks: ReadonlyArray<Uint8Array>) => A, from = 1): A => {
  const whole = run([bytes])
  const compare = (how: string, answer: A): void => {
    if (isDeepStrictEqual(answer, whole)) return
    throw new Error(`${how}: ${JSON.stringify(answer, null, 1)}\nbut whole: ${JSON.stringify(whole, null, 1)}`)
  }
  compare("in small pieces", run(inPieces(bytes, bytes.length <= few ? 1 : shortPiece)))
  for (let at = from; at < bytes.length; at++) {
    const isNearEnd = at < nearEnds || bytes.length - at < nearEnds
    if (isNearEnd || at % (bytes.length <= few ? step : stride) === 0) compare(`cut at ${at}`, run(cutAt(bytes, [at])))
  }
  return whole
}

const inPieces = (bytes: Uint8Array, size: number): ReadonlyArray<Uint8Array> =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) => bytes.subarray(at * size, (at + 1) * size))

/** Cuts at the given positions, in any order; ones outside the bytes and repeated ones cut nothing. */
export const cutAt = (bytes: Uint8Array, positions: ReadonlyArray<number>): ReadonlyArray<Uint8Array> => {
  const chunks: Array<Uint8Array> = []
  let from = 0
  for (const at of [...positions].sort((a, b) => a - b)) {
    if (at <= from || at >= bytes.length) continue
    chunks.push(bytes.subarray(from, at))
    from = at
  }
  return [...chunks, bytes.subarray(from)]
}
