/**
 * Releases what was given as a body: a stream, an iterator, or an object that holds a file or a cursor and has a method to close
 * it.
 *
 * Ending the iteration is not enough: it does nothing where the iteration was never begun, and waits for a part that may never
 * come. So the object itself is closed, at once.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { ResponseError } from "../exchange/ServerError.js"

/**
 * Called with an error while something is let go, and, as `late`, with an error that it has afterwards: nothing else listens for
 * it any more.
 *
 * @since 0.2.0
 * @category models
 */
export type Failed = (error: unknown, late: boolean) => void

// Methods that close an object; the first one that it has is called: web streams, Node streams, resources (`await using`), and
// the `close` of WSGI (PEP 3333).
const ways: ReadonlyArray<PropertyKey> = ["cancel", "destroy", Symbol.asyncDispose, Symbol.dispose, "close"]

/**
 * Lets go of a body that will not be read, or no further. Returns a promise where that takes time; it never rejects.
 *
 * A generator that was not begun is ended by its `return`, which runs none of its code (ECMA-262, 27.5.3.3): there is no
 * `try` yet whose `finally` could run.
 *
 * @since 0.2.0
 */
export const letGo = (given: unknown, failed: Failed): Promise<unknown> | undefined => {
  if (!isObject(given) || Array.isArray(given) || given instanceof Uint8Array) return undefined
  if (has(given, "destroy") && has(given, "on")) {
    void call(given, "on", failed, "error", (error: unknown) => failed(error, true))
  }
  // a locked stream is closed by its reader
  const way = given instanceof ReadableStream && given.locked ? undefined : ways.find((name) => has(given, name))
  const closing = way === undefined ? undefined : call(given, way, failed)
  return has(given, "next") && has(given, "return") ? both(closing, call(given, "return", failed)) : closing
}

/**
 * A body that is being sent: its parts, and how the rest of it is let go.
 *
 * @since 0.2.0
 * @category models
 */
export interface Parts<A> {
  readonly next: () => IteratorResult<A, unknown> | Promise<IteratorResult<A, unknown>>
  /** Once; also while a part is awaited. Returns a promise where that takes time; it never rejects. */
  readonly letGo: (failed: Failed) => Promise<unknown> | undefined
}

/**
 * The parts of an iterable. A ReadableStream is read by a reader, because its own iterator does not cancel before the part that is
 * awaited has come. Throws a `ResponseError` for a stream or an iterator that was read before, which has nothing more to give.
 *
 * @since 0.2.0
 */
export const partsOf = <A>(body: Iterable<A> | AsyncIterable<A> | ReadableStream<A>): Parts<A> => {
  if ("getReader" in body) {
    if (body.locked) throw usedBefore("stream")
    takeOnce(body, "stream")
    const reader = body.getReader()
    return {
      next: () => reader.read(),
      letGo: (failed) => call(reader, "cancel", failed)
    }
  }
  if (has(body, "pipe")) takeOnce(body, "stream")
  const iterator = Symbol.iterator in body ? body[Symbol.iterator]() : body[Symbol.asyncIterator]()
  if (!has(iterator, "next")) throw notAnIterator()
  if (!Array.isArray(body)) takeOnce(iterator, "iterator")
  return {
    next: () => iterator.next(),
    letGo: (failed) => {
      const closing = letGo(body, failed)
      if (Object.is(iterator, body) || !has(iterator, "return")) return closing
      return both(closing, call(iterator, "return", failed))
    }
  }
}

// Streams and iterators that were given as bodies. A second response of one would be empty without an error.
const taken = new WeakSet<object>()

const takeOnce = (source: object, kind: string): void => {
  if (taken.has(source)) throw usedBefore(kind)
  taken.add(source)
}

const usedBefore = (kind: string): ResponseError =>
  new ResponseError({
    reason: "BodyUsed",
    description: `the ${kind} was read before, and has nothing more to give: make one for each request`
  })

const notAnIterator = (): ResponseError =>
  new ResponseError({
    reason: "InvalidBody",
    description: "the method of an iterable body must return an iterator, an object that has next()"
  })

const isObject = (given: unknown): given is object => typeof given === "object" && given !== null

// a property may be a getter that throws, and what should be an iterator may be no object
const has = (given: unknown, name: PropertyKey): boolean => {
  try {
    return Predicate.hasProperty(given, name) && typeof given[name] === "function"
  } catch {
    return false
  }
}

const call = (
  given: object,
  name: PropertyKey,
  failed: Failed,
  ...args: ReadonlyArray<unknown>
): Promise<unknown> | undefined => {
  try {
    const method: unknown = Reflect.get(given, name)
    const result: unknown = typeof method === "function" ? Reflect.apply(method, given, args) : undefined
    return Predicate.isPromiseLike(result)
      ? Promise.resolve(result).catch((error: unknown) => failed(error, false))
      : undefined
  } catch (error) {
    failed(error, false)
    return undefined
  }
}

const both = (one: Promise<unknown> | undefined, other: Promise<unknown> | undefined): Promise<unknown> | undefined =>
  one === undefined || other === undefined ? one ?? other : Promise.all([one, other])
