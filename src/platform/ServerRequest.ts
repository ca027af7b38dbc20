/**
 * An exchange's request as @effect/platform's `HttpServerRequest`.
 *
 * @since 0.1.0
 */
import * as Cookies from "@effect/platform/Cookies"
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Headers from "@effect/platform/Headers"
import * as IncomingMessage from "@effect/platform/HttpIncomingMessage"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import { RequestError } from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as Respondable from "@effect/platform/HttpServerRespondable"
import * as ServerResponse from "@effect/platform/HttpServerResponse"
import type * as Multipart from "@effect/platform/Multipart"
import type * as Path from "@effect/platform/Path"
import type * as Socket from "@effect/platform/Socket"
import * as UrlParams from "@effect/platform/UrlParams"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import type { ReadonlyRecord } from "effect/Record"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { Duplex } from "node:stream"
import { setImmediate } from "node:timers"
import type { DoorExchange } from "../exchange/DoorExchange.js"
import type { Exchange } from "../exchange/Exchange.js"
import { BodyError } from "../exchange/ServerError.js"
import { formSlices } from "../protocol/formSlices.js"
import type { BodyBound, Reading } from "../server/bodyBound.js"
import type { FormLimits } from "../server/FormLimits.js"
import * as BodyReader from "./BodyReader.js"
import * as FormReader from "./FormReader.js"
import { isGiven } from "./isGiven.js"
import { incomingMessageGuard, NotNode } from "./NotNode.js"
import * as PersistedForm from "./PersistedForm.js"
import { applyTrusted, type Changes, withoutClaims, withScheme } from "./trustedHeaders.js"

/**
 * The call of a request, which all views of it share. The type stands here because the two files would otherwise import each
 * other.
 *
 * @since 0.1.0
 * @category models
 */
export interface RequestCall {
  readonly exchange: DoorExchange
  readonly headers: Headers.Headers
  readonly body: BodyReader.WholeBody
  /** The bound on a body that is read whole, or parsed, if no `MaxBodySize` is provided. */
  readonly bound: (reading: Reading) => BodyBound
  readonly forms: FormLimits
  readonly upgrade: (request: ServerRequest) => Effect.Effect<Socket.Socket, RequestError>
  /** Logs, once for the app, that middleware believes fields that the server's options do not. */
  readonly warnOfIgnoredFields: () => void
  /** Waits until the server begins to stop. */
  readonly stopping: Effect.Effect<void>
  /** Begins a part of the handler that runs to its end even if the client leaves. */
  readonly keepRunning: () => void
  /** Ends such a part. After the last one, the handler is interrupted if the client has left. */
  readonly mayEnd: () => void
  /** Called with the stream of a connection that was taken over. */
  readonly tookOver: (stream: Duplex) => void
  /** The stream of a connection that was taken over. */
  readonly socket: Duplex | undefined
}

/**
 * A body that could not be read: the platform's error, with the right response.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnreadableBody extends RequestError {
  override [Respondable.symbol]() {
    return ServerResponse.empty({ status: this.cause instanceof BodyError ? this.cause.status : 400 })
  }
}

/**
 * The request of one call, or a view of it that `modify` has made.
 *
 * @since 0.1.0
 * @category models
 */
export class ServerRequest extends Inspectable.Class implements HttpServerRequest.HttpServerRequest {
  readonly [HttpServerRequest.TypeId]: HttpServerRequest.TypeId = HttpServerRequest.TypeId
  readonly [IncomingMessage.TypeId]: IncomingMessage.TypeId = IncomingMessage.TypeId
  private readSource: Exchange | undefined = undefined
  private readCookies: ReadonlyRecord<string, string> | undefined = undefined
  private persisted: HttpServerRequest.HttpServerRequest["multipart"] | undefined = undefined

  constructor(
    readonly call: RequestCall,
    readonly url: string,
    private readHeaders: Headers.Headers | undefined,
    private readonly givenAddress: string | undefined
  ) {
    super()
  }

  /**
   * The exchange. Properties that only an `IncomingMessage` has throw {@link NotNode}, because
   * `NodeHttpServerRequest.toIncomingMessage` returns this under that type.
   */
  get source(): Exchange {
    return this.readSource ??= new Proxy(this.call.exchange, incomingMessageGuard)
  }

  /** The property that `NodeHttpServerRequest.toServerResponse` reads of its own requests. */
  get response(): never {
    throw new NotNode("there is no node:http ServerResponse: answer with an HttpServerResponse")
  }

  get originalUrl(): string {
    return this.call.exchange.request.target
  }

  // The platform's type has the methods that its routers know. As with NodeHttpServer, a request may have any other.
  get method(): HttpMethod {
    return this.call.exchange.request.method.toUpperCase() as HttpMethod
  }

  get headers(): Headers.Headers {
    return this.readHeaders ??= this.call.headers
  }

  get cookies(): ReadonlyRecord<string, string> {
    return this.readCookies ??= Cookies.parseHeader(this.headers.cookie ?? "")
  }

  get remoteAddress(): Option.Option<string> {
    if (this.givenAddress !== undefined) return Option.some(this.givenAddress)
    const client = this.call.exchange.client
    return client._tag === "Tcp" ? Option.some(client.host) : Option.none()
  }

  modify(options: Changes): ServerRequest {
    const { config, scheme } = this.call.exchange
    const changes = config.forwarded === false ? withoutClaims(options, this.headers, this.call.headers) : options
    if (changes !== options) this.call.warnOfIgnoredFields()
    const { headers, remoteAddress = this.givenAddress, url = this.url } = changes
    return new ServerRequest(
      this.call,
      url,
      headers === undefined ? this.readHeaders : withScheme(headers, scheme),
      remoteAddress
    )
  }

  get stream(): Stream.Stream<Uint8Array, RequestError> {
    return Stream.mapError(BodyReader.stream(this.call.exchange), (error) => this.unreadable(error))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, RequestError> {
    return Effect.map(this.bytes("whole"), (bytes) => {
      const copy = new ArrayBuffer(bytes.length)
      new Uint8Array(copy).set(bytes)
      return copy
    })
  }

  get text(): Effect.Effect<string, RequestError> {
    return this.textOf("whole")
  }

  get json(): Effect.Effect<unknown, RequestError> {
    return Effect.tryMap(this.textOf("parsed"), {
      try: (text): unknown => text === "" ? null : JSON.parse(text),
      catch: (cause) => new RequestError({ request: this, reason: "Decode", cause })
    })
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, RequestError> {
    return Effect.flatMap(this.textOf("parsed"), paramsOf)
  }

  get multipartStream(): Stream.Stream<Multipart.Part, Multipart.MultipartError> {
    return FormReader.stream(this.call.exchange, this.headers, this.call.forms)
  }

  get multipart(): Effect.Effect<
    Multipart.Persisted,
    Multipart.MultipartError,
    Scope.Scope | FileSystem.FileSystem | Path.Path
  > {
    return this.persisted ??= Effect.runSync(Effect.cached(PersistedForm.persist(this.multipartStream)))
  }

  get upgrade(): Effect.Effect<Socket.Socket, RequestError> {
    return this.call.upgrade(this)
  }

  override toString(): string {
    return `ServerRequest(${this.method} ${this.url})`
  }

  toJSON(): unknown {
    return {
      _id: "@effect/platform/HttpServerRequest",
      method: this.method,
      url: this.originalUrl,
      headers: Inspectable.redact(this.headers),
      remoteAddress: this.remoteAddress.toJSON()
    }
  }

  private textOf(reading: Reading): Effect.Effect<string, RequestError> {
    return Effect.flatMap(this.bytes(reading), decode)
  }

  private bytes(reading: Reading): Effect.Effect<Uint8Array, RequestError> {
    return Effect.contextWithEffect((context: Context.Context<never>) =>
      Effect.mapError(
        this.call.body.read(givenBound(context) ?? this.call.bound(reading)),
        (error) => this.unreadable(error)
      )
    )
  }

  private unreadable(error: BodyError): RequestError {
    return new UnreadableBody({
      request: this,
      reason: error.reason === "BadChunk" || error.reason === "TooLarge" ? "Decode" : "Transport",
      cause: error,
      description: error.message
    })
  }
}

// Parses a long form in slices, one in each turn of the event loop, so that other requests are served meanwhile.
const paramsOf = (text: string): Effect.Effect<UrlParams.UrlParams> =>
  Effect.gen(function*() {
    const all: Array<readonly [string, string]> = []
    let first = true
    for (const slice of formSlices(text)) {
      if (!first) yield* nextTick
      first = false
      all.push(...UrlParams.fromInput(new URLSearchParams(slice)))
    }
    return all
  })

const nextTick = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

// The default bound is not in the context of the app, where it would bound forms as well, which go to disk.
const givenBound = (context: Context.Context<never>): BodyBound | undefined =>
  isGiven(context, IncomingMessage.MaxBodySize)
    ? {
      most: Option.match(Context.get(context, IncomingMessage.MaxBodySize), { onNone: () => Infinity, onSome: Number }),
      lift: "HttpServerRequest.MaxBodySize"
    }
    : undefined

// the byte order mark is kept, as node:http does
const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
const decode = (bytes: Uint8Array): Effect.Effect<string> =>
  bytes.length <= mostDecoded ? Effect.succeed(decoder.decode(bytes)) : decodeLong(bytes)

/** The most bytes of a text that are decoded in one turn of the event loop. */
const mostDecoded = 1_048_576

const decodeLong = (bytes: Uint8Array): Effect.Effect<string> =>
  Effect.gen(function*() {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    let text = ""
    for (let from = 0; from < bytes.length; from += mostDecoded) {
      yield* nextTick
      text += decoder.decode(bytes.subarray(from, from + mostDecoded), { stream: true })
    }
    return text + decoder.decode()
  })

// Only the first of these fields counts, as with node:http.
const singletons = new Set([
  "age",
  "authorization",
  "content-length",
  "content-type",
  "etag",
  "expires",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "last-modified",
  "location",
  "max-forwards",
  "proxy-authorization",
  "referer",
  "retry-after",
  "server",
  "user-agent"
])

/**
 * The target as received, but without scheme and host if a proxy says what they are, because `toURL` takes those from the
 * headers. A path that begins with two slashes gets the host before it, because `toURL` would take what follows the slashes for
 * the host.
 *
 * @since 0.2.0
 */
export const urlOf = (exchange: Exchange): string => {
  const { forwarded, request: { form, target } } = exchange
  const url = form._tag === "Absolute" && forwarded !== undefined
    ? form.path + (form.query === undefined ? "" : `?${form.query}`)
    : target
  if (url.charCodeAt(0) !== 47 || (url.charCodeAt(1) !== 47 && url.charCodeAt(1) !== 92)) return url
  return `${exchange.scheme}://${headersOf(exchange).host ?? "localhost"}${url}`
}

/**
 * Fields as the platform has them: with names in lower case, the values of one name joined, and those of proxies only if they are
 * believed.
 *
 * @since 0.1.0
 */
export const headersOf = (exchange: Exchange): Headers.Headers => {
  const { fields } = exchange.request
  const headers: Record<string, string> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i].toLowerCase()
    const before: unknown = headers[name]
    // the name may be that of an inherited property such as `constructor`
    if (typeof before !== "string") headers[name] = fields[i + 1]
    else if (!singletons.has(name)) headers[name] = `${before}${name === "cookie" ? "; " : ", "}${fields[i + 1]}`
  }
  applyTrusted(headers, exchange)
  return Headers.unsafeFromRecord(headers)
}
