/**
 * A platform response on its way out.
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
import { draft, type HeadDraft, type InvalidHead } from "../protocol/responseHead.js"
import type { Exchange } from "../server/Exchange.js"
import { ResponseWriter } from "../server/ResponseWriter.js"

/**
 * The body of a response that can be sent in one go, `undefined` for one that comes in parts.
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
export const headOf = (response: HttpServerResponse, more?: Headers): HeadDraft | InvalidHead => {
  const fields: Array<readonly [string, string]> = []
  if (!Cookies.isEmpty(response.cookies)) {
    for (const value of Cookies.toSetCookieHeaders(response.cookies)) fields.push(["set-cookie", value])
  }
  for (const name in response.headers) {
    if (more === undefined || !more.has(name)) fields.push([name, response.headers[name]])
  }
  more?.forEach((value, name) => fields.push([name, value]))
  // a web Response that names no reason has an empty one
  const reason = response.statusText === "" ? undefined : response.statusText
  return draft({ status: response.status, reason, fields }, "preserve")
}

/**
 * Sends a response whole. `undefined` when it was sent; otherwise what is wrong with it.
 *
 * @since 0.1.0
 */
export const sendWhole = (exchange: Exchange, response: HttpServerResponse, body: string | Uint8Array) => {
  const head = headOf(response)
  return head._tag === "InvalidHead" ? head : exchange.respond(head, body)
}

/**
 * Sends a response in parts. Interruptible; succeeds when the last part is with the connection.
 *
 * @since 0.1.0
 */
export const sendParts = (
  exchange: Exchange,
  request: HttpServerRequest,
  response: HttpServerResponse
): Effect.Effect<void, unknown> => {
  const body = response.body
  switch (body._tag) {
    case "Stream":
      return sendStream(exchange, headOf(response), body.contentLength, body.stream)
    case "FormData": {
      const encoded = new Response(body.formData)
      return sendStream(
        exchange,
        headOf(response, encoded.headers),
        undefined,
        encoded.body === null ? Stream.empty : Stream.fromAsyncIterable(encoded.body, (cause) => cause)
      )
    }
    case "Raw": {
      const stream = rawStream(body.body)
      return stream === undefined
        ? Effect.fail(
          new ResponseError({
            request,
            response,
            reason: "Decode",
            description: "a raw body is text, bytes, a Blob, a web or a Node stream, or an async iterable of bytes"
          })
        )
        : sendStream(exchange, headOf(response), undefined, stream)
    }
    case "Empty":
    case "Uint8Array":
      return Effect.void
  }
}

const rawStream = (body: unknown): Stream.Stream<string | Uint8Array, unknown> | undefined => {
  if (body instanceof Blob) return Stream.fromAsyncIterable(body.stream(), (cause) => cause)
  if (isAsyncIterable(body)) return Stream.fromAsyncIterable(body, (cause) => cause)
  return undefined
}

const isAsyncIterable = (body: unknown): body is AsyncIterable<Uint8Array> =>
  Predicate.hasProperty(body, Symbol.asyncIterator)

const sendStream = (
  exchange: Exchange,
  head: HeadDraft | InvalidHead,
  length: number | undefined,
  stream: Stream.Stream<string | Uint8Array, unknown>
): Effect.Effect<void, unknown> =>
  Effect.suspend((): Effect.Effect<void, unknown> => {
    if (head._tag === "InvalidHead") return Effect.fail(head)
    const prepared = exchange.start(head, length)
    if (prepared._tag === "ResponseError") return Effect.fail(prepared)
    const writer = new ResponseWriter(exchange, prepared, 0)
    // to HEAD the head is the whole answer: the stream is not even begun
    if (prepared.framing._tag === "None") return Effect.sync(() => exchange.finish())
    // A stream that is slow to begin, events for instance: its head goes ahead, so that the client knows it is there.
    const ahead = setImmediate(() => {
      exchange.sendHead()
      exchange.flush()
    })
    const room = Effect.async<void>((resume) => writer.ready(() => resume(Effect.void)))
    return stream.pipe(
      Stream.runForEachChunk((parts) => {
        for (const part of Chunk.toReadonlyArray(parts)) {
          if (typeof part !== "string" && !(part instanceof Uint8Array)) {
            return Effect.die(new TypeError(`a body is text or bytes, not ${typeof part}`))
          }
          writer.write(part)
        }
        return writer.full ? room : Effect.void
      }),
      Effect.zipRight(Effect.sync(() => writer.end())),
      Effect.ensuring(Effect.sync(() => clearImmediate(ahead)))
    )
  })
