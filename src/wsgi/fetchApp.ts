/**
 * Web-standard handlers, `(request: Request) => Response`, as WSGI applications.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import { ResponseError } from "../exchange/ServerError.js"
import { checkOption, refuseMore } from "../server/checkOptions.js"
import { isClass } from "../server/guards.js"
import { letGo } from "../server/LetGo.js"
import { kindOf } from "../server/OptionNames.js"
import { isResponse, notAResponse } from "./answers.js"
import type { App, AppBody, StartResponse } from "./App.js"
import { boundedRequest } from "./BoundedRequest.js"
import type { Environ } from "./Environ.js"

/**
 * A handler such as the `fetch` of Hono, itty-router and others. Its second argument is the environ, for post hooks, interim
 * responses and the peer's address.
 *
 * @since 0.1.0
 * @category models
 */
export type FetchHandler = (request: Request, env: Environ) => Response | Promise<Response>

/**
 * Serves a web-standard handler. Bodies are streamed both ways, with back-pressure. The first read of the request's body sends
 * the 100 for which the client waits. `text`, `arrayBuffer`, `bytes`, `blob` and `formData` of the request read no more than
 * `limits.wholeBody` bytes, `json` and urlencoded forms no more than `limits.parsedBody`, and forms of several parts no more of
 * these than `forms` says; for more they reject with a `BodyError` (413). So do those of a clone, but not those of a `new
 * Request(request)`, which is the standard's own. `request.signal` is `tsgi.signal` of the environ. Throws an `OptionError` for a
 * value that is not a function, such as the object that has `fetch`.
 *
 * @example
 * ```ts
 * import { fetchApp, listen, server } from "tsgi"
 *
 * server(listen(8090), fetchApp((request) => new Response(`Hello from ${new URL(request.url).pathname}\n`)))
 * ```
 *
 * @function
 * @since 0.1.0
 * @category constructors
 */
export const fetchApp: (handler: FetchHandler) => App = (handler, ...more: ReadonlyArray<unknown>) => {
  checkHandler(handler)
  refuseMore(more, "handler", "fetchApp takes one argument; give options to server")
  return (env, startResponse) => answer(handler, env, startResponse)
}

const checkHandler = (handler: unknown): void =>
  checkOption("handler", handler, {
    expected: "a function (request, env) that returns a Response",
    accepts: (given) => typeof given === "function" && !isClass(given),
    explain: (given) =>
      Predicate.hasProperty(given, "fetch")
        ? "give the function, not the object: fetchApp(app.fetch), or fetchApp((request, env) => app.fetch(request, env))"
        : `must be a function (request, env) that returns a Response, not ${kindOf(given)}`
  })

const answer = async (handler: FetchHandler, env: Environ, startResponse: StartResponse): Promise<AppBody> => {
  const request = requestFrom(env)
  if (request === undefined) {
    startResponse(forbidden.has(env.REQUEST_METHOD.toUpperCase()) ? "501 Not Implemented" : "400 Bad Request", [])
    return ""
  }
  const response: unknown = await handled(handler, request, env)
  if (!isResponse(response)) {
    void letGo(response, () => undefined)
    throw notAResponse(response)
  }
  const { body, bodyUsed, headers, status, statusText, type } = response
  if (type === "error") throw noStatus()
  if (bodyUsed || body?.locked) throw used()
  try {
    startResponse(statusText === "" ? String(status) : `${status} ${statusText}`, headers)
  } catch (error) {
    void letGo(body, () => undefined)
    throw error
  }
  if (body === null) return ""
  if (request.method === "HEAD") {
    // the answer to HEAD is complete, and the body may have no end
    void letGo(body, () => undefined)
    return ""
  }
  return headers.has("Content-Length") || env["tsgi.signal"].aborted ? body : wholeOrParts(body)
}

const handled = async (handler: FetchHandler, request: Request, env: Environ): Promise<Response> => {
  try {
    return await handler(request, env)
  } catch (error) {
    // an application takes the environ for its second argument
    if (error instanceof TypeError && /^\w*start_?response\w* is not a function/i.test(error.message)) {
      throw notAHandler()
    }
    throw error
  }
}

const notAHandler = (): ResponseError =>
  new ResponseError({
    reason: "InvalidBody",
    description: "fetchApp was given an application (env, startResponse): give it to server itself"
  })

const noStatus = (): ResponseError =>
  new ResponseError({
    reason: "InvalidStatus",
    description: "Response.error() has no status: give one from 400, as in new Response(text, { status: 502 })"
  })

const used = (): ResponseError =>
  new ResponseError({
    reason: "BodyUsed",
    description: "the body of the Response was read before: make a Response for each request, or answer with a clone()"
  })

// A Response does not tell its length. Text and bytes come as one part, with the end right after it. Such a body is sent whole,
// with Content-Length.
const wholeOrParts = async (body: ReadableStream<Uint8Array>): Promise<AppBody> => {
  const reader = body.getReader()
  const first = reader.read()
  const part = await atOnce(first)
  if (part === undefined) return rest(reader, [first])
  if (part.done) return ""
  const second = reader.read()
  const end = await atOnce(second)
  return end?.done === true ? part.value : rest(reader, [first, second])
}

// The result of a promise, if it resolves in this turn of the event loop; otherwise `undefined`.
const atOnce = <A>(promise: Promise<A>): Promise<A | undefined> =>
  Promise.race([promise, new Promise<undefined>((resolve) => setImmediate(resolve, undefined))])

const rest = <A>(
  reader: ReadableStreamDefaultReader<A>,
  begun: Array<ReturnType<typeof reader.read>>
): AsyncIterable<A> & { readonly cancel: () => Promise<void> } => ({
  [Symbol.asyncIterator]: () => ({ next: () => begun.shift() ?? reader.read() }),
  cancel: () => reader.cancel()
})

// Methods that the fetch standard forbids.
const forbidden = new Set(["CONNECT", "TRACE", "TRACK"])

// Returns `undefined` for a request that HTTP allows and the fetch standard does not: one with such a method, or with a Host that
// makes no URL. That is the fault of the client, not of the handler.
const requestFrom = (env: Environ): Request | undefined => {
  if (forbidden.has(env.REQUEST_METHOD.toUpperCase())) return undefined
  const url = urlOf(env)
  if (url === undefined || !URL.canParse(url)) return undefined
  return boundedRequest(env["eventlet.input"], url, {
    method: env.REQUEST_METHOD,
    headers: env.headers_raw.map((
      [name, value]
    ): [string, string] => [name, isHost(name) ? env.HTTP_HOST ?? value : value]),
    signal: env["tsgi.signal"],
    ...hasBody(env) ? { body: bodyOf(env), duplex: "half" } : {}
  })
}

// a trusted proxy may have given a value other than that of the received field
const isHost = (name: string): boolean => name.length === 4 && name.toLowerCase() === "host"

// the URL is scheme, host and target together (RFC 9112, 3.3); the host of an absolute target is in HTTP_HOST
const urlOf = (env: Environ): string | undefined => {
  const target = env.REQUEST_URI.replace(/^[A-Za-z][A-Za-z0-9+\-.]*:\/\/[^/?]*/, "")
  const base = `${env["wsgi.url_scheme"]}://${hostOf(env)}`
  if (!URL.canParse(base)) return undefined
  // Host must be only a host and a port, so that the path is the target's, as in PATH_INFO.
  const { hash, origin, password, pathname, search, username } = new URL(base)
  if (pathname !== "/" || search !== "" || hash !== "" || username !== "" || password !== "") return undefined
  return target === "*" ? origin : origin + target
}

// An empty Host names no host (RFC 9112, 3.2).
const hostOf = (env: Environ): string => {
  if (env.HTTP_HOST !== undefined && env.HTTP_HOST !== "") return env.HTTP_HOST
  if (env.SERVER_PORT === "") return "localhost"
  return `${env.SERVER_NAME.includes(":") ? `[${env.SERVER_NAME}]` : env.SERVER_NAME}:${env.SERVER_PORT}`
}

// The fetch standard allows no body for GET and HEAD, even if the message has one.
const hasBody = (env: Environ): boolean =>
  !/^(?:GET|HEAD)$/i.test(env.REQUEST_METHOD) && env["eventlet.input"].bodyLength !== 0

const bodyOf = (env: Environ): ReadableStream<Uint8Array> => {
  const pieces = env["eventlet.input"][Symbol.asyncIterator]()
  // With a high-water mark of 0, nothing is pulled before the handler reads, so a refusal sends no 100.
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await pieces.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    }
  }, { highWaterMark: 0 })
}
