/**
 * Releases a body: a stream, an iterator, or an object with a method that closes a file or cursor.
 *
 * To end the iteration is not enough. Before the first step that does nothing, and during a step it waits for that step, which
 * may never end. So the object itself is closed, at once.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { ResponseError } from "../exchange/ServerError.js"

/**
 * Takes an error of a body that was let go. `late` marks an error that the body emits afterwards, when nothing else listens.
 *
 * @since 0.2.0
 * @category models
 */
export type Failed = (error: unknown, late: boolean) => void

// Methods that close an object: of web streams, Node streams, resources (`await using`), and `close` of WSGI (PEP 3333). The
// first one that the object has is called.
const closingMethods: ReadonlyArray<PropertyKey> = ["cancel", "destroy", Symbol.asyncDispose, Symbol.dispose, "close"]

/**
 * Lets go of a body that is not read to its end. Returns a promise if that takes time; the promise never rejects.
 *
 * `return` ends a generator before its first step, and runs none of its code (ECMA-262, 27.5.3.3), not even a `finally`.
 *
 * @since 0.2.0
 */
export const letGo = (given: unknown, failed: Failed): Promise<unknown> | undefined => {
  if (!isObject(given) || Array.isArray(given) || given instanceof Uint8Array) return undefined
  if (has(given, "destroy") && has(given, "on")) {
    void call(given, "on", failed, "error", (error: unknown) => failed(error, true))
  }
  // the reader of a locked stream closes it
  const method = given instanceof ReadableStream && given.locked
    ? undefined
    : closingMethods.find((name) => has(given, name))
  const closing = method === undefined ? undefined : call(given, method, failed)
  return has(given, "next") && has(given, "return") ? both(closing, call(given, "return", failed)) : closing
}

/**
 * Waits until a body is closed, but no longer than so many milliseconds, because it may never finish closing. Never rejects.
 *
 * @since 0.2.0
 */
export const closedWithin = (closing: Promise<unknown>, most: number): Promise<void> =>
  new Promise((resolve) => {
    const late = most > longestTimer ? undefined : setTimeout(resolve, most)
    void closing.then(() => {
      clearTimeout(late)
      resolve()
    })
  })

/** The longest timer in milliseconds; a longer one fires at once. */
const longestTimer = 2 ** 31 - 1

/**
 * The parts of a body that is being sent.
 *
 * @since 0.2.0
 * @category models
 */
export interface Parts<A> {
  readonly next: () => IteratorResult<A, unknown> | Promise<IteratorResult<A, unknown>>
  /**
   * Lets go of the rest. It is called once, perhaps while a part is awaited. Returns a promise if that takes time; the promise
   * never rejects.
   */
  readonly letGo: (failed: Failed) => Promise<unknown> | undefined
}

/**
 * The parts of an iterable. A ReadableStream is read by a reader, because its iterator does not cancel before the awaited part
 * has arrived. Throws a `ResponseError` for a stream or an iterator that was read before.
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

// Streams and iterators that were used as bodies. A second response with one would be empty, without an error.
const taken = new WeakSet<object>()

const takeOnce = (source: object, kind: string): void => {
  if (taken.has(source)) throw usedBefore(kind)
  taken.add(source)
}

const usedBefore = (kind: string): ResponseError =>
  new ResponseError({
    reason: "BodyUsed",
    description: `the ${kind} was read before and has nothing left: make a new one for each request`
  })

const notAnIterator = (): ResponseError =>
  new ResponseError({
    reason: "InvalidBody",
    description: "the iterator method of a body must return an iterator, an object with next()"
  })

const isObject = (given: unknown): given is object => typeof given === "object" && given !== null

// getters may throw, and a supposed iterator may be no object
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
