/**
 * The values that an application or a handler can answer with, and the errors for others.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { ResponseError } from "../exchange/ServerError.js"
import { isClass } from "../server/guards.js"
import { kindOf } from "../server/OptionNames.js"

/**
 * Whether this is a Response of the fetch standard, of whatever class.
 *
 * @since 0.2.0
 * @category guards
 */
export const isResponse = (given: unknown): given is Response =>
  given instanceof Response ||
  (Predicate.isRecord(given) && typeof given.status === "number" && Predicate.hasProperty(given.headers, "get") &&
    "bodyUsed" in given)

/**
 * A part of a body.
 *
 * @since 0.2.0
 * @category models
 */
export type Part = string | Uint8Array

/**
 * Whether this is a part of a body.
 *
 * @since 0.2.0
 * @category guards
 */
export const isPart = (given: unknown): given is Part => typeof given === "string" || given instanceof Uint8Array

/**
 * Whether this iterates values other than parts, such as numbers or pairs. An empty one would otherwise pass for an empty body.
 *
 * @since 0.2.0
 * @category guards
 */
export const iteratesOthers = (given: object): boolean =>
  ArrayBuffer.isView(given) || given instanceof Map || isWebData(given)

const isWebData = (given: object): boolean =>
  given instanceof URLSearchParams || given instanceof FormData || given instanceof Headers

/** The most parts that are joined. An array of more is written part by part. */
const mostJoinedParts = 64

/**
 * An array of a few parts as one part; `undefined` for others.
 *
 * @since 0.2.0
 * @category conversions
 */
export const joined = (parts: ReadonlyArray<Part>): Part | undefined => {
  if (parts.length === 0) return ""
  if (parts.length === 1) return isPart(parts[0]) ? parts[0] : undefined
  return parts.length <= mostJoinedParts && parts.every((part) => typeof part === "string") ? parts.join("") : undefined
}

/**
 * The part of a value that must be closed, when the value is not a body.
 *
 * @since 0.2.0
 * @category accessors
 */
export const sourceOf = (given: unknown): unknown => isResponse(given) ? given.body : given

/**
 * The error for an application that sends a body before it has called `startResponse`.
 *
 * @since 0.2.0
 * @category errors
 */
export const headNotSet = (): ResponseError =>
  new ResponseError({ reason: "HeadNotSet", description: "call startResponse before the first byte of the body" })

/**
 * The error for an application that returns a value that is not a body.
 *
 * @since 0.2.0
 * @category errors
 */
export const invalidBody = (body: unknown): ResponseError =>
  new ResponseError({
    reason: "InvalidBody",
    description: `a body is text, bytes or an iterable of these, not ${described(body)}`
  })

const described = (body: unknown): string => {
  if (Predicate.isPromiseLike(body)) return "a promise of one"
  if (isResponse(body)) return "a Response: serve a handler that answers with one by fetchApp(handler)"
  if (body instanceof Error) return `${kindOf(body)}: throw it`
  if (body instanceof ArrayBuffer || body instanceof SharedArrayBuffer) {
    return `${kindOf(body)}: give new Uint8Array(buffer)`
  }
  if (ArrayBuffer.isView(body)) return `${kindOf(body)}: give its bytes, new Uint8Array(view.buffer, ...)`
  if (body instanceof URL || body instanceof URLSearchParams) return `${kindOf(body)}: give its toString()`
  if (body instanceof FormData) return "a FormData: give the body of new Response(form), and its Content-Type"
  if (body instanceof Request) return "a Request: give its body"
  if (body instanceof TransformStream) return "a TransformStream: give its readable"
  if (Array.isArray(body)) return "an array: its parts are text or bytes; or give it as text, such as JSON"
  if (body instanceof Blob) return `${kindOf(body)}: give its stream()`
  switch (typeof body) {
    case "number":
    case "bigint":
    case "boolean":
      return `the ${typeof body} ${body}: give "${body}"`
    case "undefined":
      return "undefined: return \"\" where there is none"
    case "object":
      return body === null ? "null: return \"\" where there is none" : `${kindOf(body)}: give it as text, such as JSON`
    case "function":
      return isClass(body) ? "a class" : "a function: call it"
    default:
      return kindOf(body)
  }
}

/**
 * The error for a handler that returns something other than a Response.
 *
 * @since 0.2.0
 * @category errors
 */
export const notAResponse = (given: unknown): ResponseError =>
  new ResponseError({
    reason: "InvalidBody",
    description: `a handler of fetchApp must return a Response, such as new Response("hello"), not ${kindOf(given)}`
  })
