/**
 * Sends a platform response.
 *
 * @since 0.1.0
 */
import * as Cookies from "@effect/platform/Cookies"
import { ResponseError } from "@effect/platform/HttpServerError"
import type { HttpServerRequest } from "@effect/platform/HttpServerRequest"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Stream from "effect/Stream"
import { PassThrough, pipeline, type Readable } from "node:stream"
import type { DoorExchange } from "../exchange/DoorExchange.js"
import { ResponseWriter } from "../exchange/ResponseWriter.js"
import { responseErrorFrom } from "../exchange/ServerError.js"
import type { JudgedHead } from "../protocol/heads.js"
import type { InvalidHead } from "../protocol/invalidHead.js"
import { closedWithin, type Failed, letGo, type Parts, partsOf } from "../server/LetGo.js"
import { LoopBudget } from "../server/LoopBudget.js"
import { kindOf } from "../server/OptionNames.js"

/**
 * The body of a response that can be sent at once; `undefined` for one that comes in parts.
 *
 * @since 0.1.0
 */
export const wholeBody = (response: HttpServerResponse): string | Uint8Array | undefined => {
  const body = response.body
  switch (body._tag) {
    case "Empty":
      return ""
    case "Uint8Array":
      return body.body
    case "Raw":
      return typeof body.body === "string" || body.body instanceof Uint8Array
        ? body.body
        : body.body === null || body.body === undefined
        ? ""
        : undefined
    case "FormData":
    case "Stream":
      return undefined
  }
}

/**
 * Status, headers and cookies of a response as a head.
 *
 * @since 0.1.0
 */
export const headOf = (exchange: DoorExchange, response: HttpServerResponse): JudgedHead | InvalidHead =>
  headWith(exchange, response, undefined, undefined)

// `more` has the fields of the body. The response's own fields take precedence, except for the `prevailing` one.
const headWith = (
  exchange: DoorExchange,
  response: HttpServerResponse,
  more: Headers | undefined,
  prevailing: string | undefined
): JudgedHead | InvalidHead => {
  const fields: Array<readonly [string, string]> = []
  if (!Cookies.isEmpty(response.cookies)) {
    for (const value of Cookies.toSetCookieHeaders(response.cookies)) fields.push(["set-cookie", value])
  }
  for (const name in response.headers) {
    if (name !== prevailing) fields.push([name, response.headers[name]])
  }
  more?.forEach((value, name) => {
    if (name === prevailing || !(name in response.headers)) fields.push([name, value])
  })
  // a web Response without a reason has an empty one
  const reason = response.statusText === "" ? undefined : response.statusText
  return exchange.draft({ status: response.status, reason, fields })
}

/**
 * Sends a response whole. Returns `undefined` if it was sent, otherwise what is wrong with it.
 *
 * @since 0.1.0
 */
export const sendWhole = (exchange: DoorExchange, response: HttpServerResponse, body: string | Uint8Array) => {
  const head = headOf(exchange, response)
  return head._tag === "InvalidHead" ? responseErrorFrom(head) : exchange.respond(head, body)
}

/**
 * Sends a response in parts. It can be interrupted, and succeeds when the last part was given to the connection.
 *
 * @since 0.1.0
 */
export const sendParts = (
  exchange: DoorExchange,
  request: HttpServerRequest,
  response: HttpServerResponse
): Effect.Effect<void, unknown> => {
  const body = response.body
  switch (body._tag) {
    case "Stream":
      return sendStream(exchange, headOf(exchange, response), body.contentLength, body.stream)
    case "FormData":
      return sendWeb(exchange, response, body.formData)
    case "Raw":
      return sendRaw(exchange, request, response, body.body)
    case "Empty":
    case "Uint8Array":
      return Effect.void
  }
}

/**
 * Lets go of a body that will not be sent, such as an open file.
 *
 * @since 0.1.0
 */
export const discard = (exchange: DoorExchange, response: HttpServerResponse): void => {
  if (response.body._tag === "Raw") void letGo(response.body.body, closingFailed(exchange))
}

const closingFailed = (exchange: DoorExchange): Failed => (error, late) =>
  exchange.logFailure("closing the response's body failed", error, late ? "Debug" : undefined)

const sendRaw = (
  exchange: DoorExchange,
  request: HttpServerRequest,
  response: HttpServerResponse,
  body: unknown
): Effect.Effect<void, unknown> => {
  if (isWebBody(body)) return sendWeb(exchange, response, body)
  const parts = body instanceof ReadableStream || isAsyncIterable(body)
    ? () => partsOf<string | Uint8Array>(body)
    : isPipeable(body)
    ? () => partsOf<string | Uint8Array>(through(body))
    : undefined
  if (parts !== undefined) {
    const { interrupt } = exchange.config.timeouts
    const stream = Stream.fromAsyncIterable(iterable(parts, closingFailed(exchange), interrupt), (cause) => cause)
    return Effect.ensuring(
      sendStream(exchange, headOf(exchange, response), undefined, stream),
      Effect.sync(() => discard(exchange, response))
    )
  }
  const description =
    `a raw body is text, bytes, what a web Response takes, a Node stream, or an async iterable of bytes, not ${
      kindOf(body)
    }`
  return Effect.fail(new ResponseError({ request, response, reason: "Decode", description }))
}

const sendWeb = (
  exchange: DoorExchange,
  response: HttpServerResponse,
  content: Blob | FormData | URLSearchParams | ArrayBuffer
): Effect.Effect<void, unknown> => {
  const { body, headers } = new Response(content)
  return sendStream(
    exchange,
    // the boundary of a form is made when the form is encoded
    headWith(exchange, response, headers, content instanceof FormData ? "content-type" : undefined),
    undefined,
    body === null ? Stream.empty : Stream.fromReadableStream<Uint8Array, unknown>(() => body, (cause) => cause)
  )
}

const isWebBody = (body: unknown): body is Blob | FormData | URLSearchParams | ArrayBuffer =>
  body instanceof Blob || body instanceof FormData || body instanceof URLSearchParams || body instanceof ArrayBuffer

const isAsyncIterable = (body: unknown): body is AsyncIterable<Uint8Array> =>
  Predicate.hasProperty(body, Symbol.asyncIterator)

// Streams in the style from before node:stream's Readable, such as `form-data`. NodeHttpServer pipes them.
const isPipeable = (body: unknown): body is NodeJS.ReadableStream =>
  Predicate.hasProperty(body, "pipe") && typeof body.pipe === "function" &&
  Predicate.hasProperty(body, "on") && typeof body.on === "function"

const through = (body: NodeJS.ReadableStream): Readable =>
  // the PassThrough fails with the body, and the body is ended with it
  pipeline(body, new PassThrough(), () => undefined)

// A generator's `return` would wait for the next part, which may never come.
const iterable = <A>(begin: () => Parts<A>, failed: Failed, longestClose: number): AsyncIterable<A> => ({
  [Symbol.asyncIterator]: () => {
    const parts = begin()
    return {
      next: async () => parts.next(),
      return: async () => {
        const closing = parts.letGo(failed)
        if (closing !== undefined) await closedWithin(closing, longestClose)
        return { done: true, value: undefined }
      }
    }
  }
})

const sendStream = (
  exchange: DoorExchange,
  head: JudgedHead | InvalidHead,
  length: number | undefined,
  stream: Stream.Stream<string | Uint8Array, unknown>
): Effect.Effect<void, unknown> =>
  Effect.suspend((): Effect.Effect<void, unknown> => {
    if (head._tag === "InvalidHead") return Effect.die(responseErrorFrom(head))
    const promised = exchange.start(head, length)
    if (typeof promised !== "number") return Effect.fail(promised)
    const writer = new ResponseWriter(exchange, promised, 0, process.nextTick)
    // an answer without a body is complete, so the stream is not run
    if (writer.swallows) return Effect.sync(() => void exchange.finish())
    // A response is complete when it has the length that its head says, even if the stream has not yet ended.
    let filled = false
    const countPart = (): void => {
      if (writer.bytesGiven === promised) {
        filled = true
        exchange.finish()
      } else if (filled && writer.bytesGiven > promised) {
        filled = false
        exchange.mismatch(promised, writer.bytesGiven)
      }
    }
    // Sends the head of a stream that is slow to begin, such as one of events, so that the client knows that it is there.
    const ahead = setImmediate(() => {
      exchange.sendHead()
      exchange.flush()
      countPart()
    })
    // if the client takes everything at once, the stream never waits, so it lets others have their turn
    const budget = new LoopBudget()
    budget.renew()
    const afterOthers = Effect.async<void>((resume) => budget.continueLater(() => resume(Effect.void)))
    const room = Effect.async<void>((resume) => writer.ready(() => resume(Effect.void)))
    const writeParts = (parts: ReadonlyArray<string | Uint8Array>, from: number): Effect.Effect<void> => {
      for (let at = from; at < parts.length; at++) {
        const part = parts[at]
        if (typeof part !== "string" && !(part instanceof Uint8Array)) {
          return Effect.die(new TypeError(`a body is text or bytes, not ${kindOf(part)}`))
        }
        writer.write(part)
        countPart()
        if (at + 1 < parts.length && writer.congested) return Effect.flatMap(room, () => writeParts(parts, at + 1))
      }
      if (writer.congested) return room
      return budget.isSpent ? afterOthers : Effect.void
    }
    return stream.pipe(
      Stream.runForEachChunk((parts) => writeParts(Chunk.toReadonlyArray(parts), 0)),
      Effect.zipRight(Effect.sync(() => void writer.end())),
      Effect.ensuring(Effect.sync(() => clearImmediate(ahead)))
    )
  })
