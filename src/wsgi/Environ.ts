/**
 * The environ: what is known about a request, under the names of WSGI (PEP 3333) and eventlet.
 *
 * @since 0.1.0
 */
import type { Outcome } from "../exchange/Outcome.js"
import type { PostHookOptions } from "../server/hookOptions.js"
import type { Transport } from "../transport/Transport.js"
import type { HeaderPairs } from "./HeaderPairs.js"
import type { Input } from "./Input.js"

/**
 * The request, as an application is given it. An application may set any key; nothing that it writes here disturbs the server.
 * The type has the keys of the request, and any key with a dot; others can be set with `Reflect`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Environ {
  REQUEST_METHOD: string
  /** Always empty, because there is no mount point. */
  SCRIPT_NAME: string
  /** The path, percent-decoded, each byte one character (PEP 3333): `Buffer.from(path, "latin1")` gives the bytes. */
  PATH_INFO: string
  /** The path as received. */
  RAW_PATH_INFO: string
  /** What follows `?`. Absent without a `?`, and empty if nothing follows it. */
  QUERY_STRING?: string
  /** The request target as received. */
  REQUEST_URI: string
  CONTENT_TYPE?: string
  CONTENT_LENGTH?: string
  /** Such as `HTTP/1.1`. */
  SERVER_PROTOCOL: string
  GATEWAY_INTERFACE: string
  /**
   * Where the connection was accepted; `unix` and an empty port on unix sockets. With `forwarded`, the address that the client
   * has used.
   */
  SERVER_NAME: string
  SERVER_PORT: string
  /** The peer; `unix` and an empty port on unix sockets. With `forwarded`, the client, whose port is empty if it is unknown. */
  REMOTE_ADDR: string
  REMOTE_PORT: string
  /** `on` if the client is known to speak TLS; absent otherwise. */
  HTTPS?: string
  /** Names and values, in order, case and number as received. */
  headers_raw: ReadonlyArray<readonly [name: string, value: string]>
  "wsgi.version": readonly [1, 0]
  "wsgi.url_scheme": "http" | "https"
  "wsgi.input": Input
  /** Text written here goes to the server's log. */
  "wsgi.errors": { readonly write: (text: string) => void; readonly flush: () => void }
  "wsgi.multithread": boolean
  "wsgi.multiprocess": boolean
  "wsgi.run_once": boolean
  /** The same as `wsgi.input`, for applications that replace that. */
  "eventlet.input": Input
  /**
   * Hooks to run after the exchange: functions of the environ, or `[hook, args?, kwargs?, { detached }?]`, which are called
   * `hook(env, ...args, kwargs)`. The list may be replaced.
   */
  get "eventlet.posthooks"(): PostHooks
  set "eventlet.posthooks"(hooks: Array<PostHookEntry | PostHookTuple>)
  /** Bytes to gather before they are sent, for this response. It is read when the application has returned. */
  "eventlet.minimum_write_chunk_size"?: number
  /** Called after `getSocket`: says that the connection is idle, so that a server that stops may close it. */
  "eventlet.set_idle": () => void
  /**
   * Sends an interim response, any 1xx but 101, with its own fields. Does nothing once the final response has begun, or for an
   * HTTP/1.0 client. Throws an `InterimError` for one that cannot be sent.
   */
  "tsgi.interim": (status: number, headers?: HeaderPairs) => void
  /**
   * Trailer fields (RFC 9110, 6.5) of the response, for the application to set before its body ends. They are sent if the body is
   * sent in chunks: to HTTP/1.1, without a Content-Length, by `write` or as an iterable that is no array. Otherwise they are
   * dropped. Fields that must be known before the body are refused, such as `Set-Cookie`; then the application has failed.
   *
   * @since 0.2.0
   */
  "tsgi.trailers"?: HeaderPairs
  /** How the exchange ended; set before the post hooks run. */
  "tsgi.outcome"?: Outcome
  /**
   * Aborted when the exchange is interrupted: the client has left, a deadline has passed (`timeouts.handler`,
   * `timeouts.request`), or the server stops and the time for that is over (`timeouts.farewell` for event streams and taken-over
   * sockets, otherwise `timeouts.grace`). The signal is made when it is first read, so copies of the environ do not have it.
   */
  "tsgi.signal": AbortSignal
  /** What the TLS session agreed on, with the client's certificate; absent without TLS. */
  "tsgi.tls"?: Transport["tls"]
  /**
   * The PROXY header with which the connection began: source and destination, and what version 2 adds; absent without the
   * listener's option `proxy`.
   *
   * @since 0.2.0
   */
  "tsgi.proxy"?: Transport["proxy"]
  /** A field of the request, under its name in capitals with `_` in place of `-`; absent if the request does not have it. */
  [header: `HTTP_${string}`]: string | undefined
  /** What the application or the option `environ` adds, under names with a dot (PEP 3333). */
  [key: `${string}.${string}`]: unknown
}

/**
 * A function that runs after the exchange. A promise that it returns is awaited before the next hook runs.
 *
 * @since 0.2.0
 * @category models
 */
export type PostHook<Args extends ReadonlyArray<unknown> = []> = (env: Environ, ...args: Args) => unknown

export type { PostHookOptions }

/**
 * A post hook that is only called with its environ: the function, or a tuple with it.
 *
 * @since 0.1.0
 * @category models
 */
export type PostHookEntry =
  | PostHook
  | readonly [hook: PostHook, args?: readonly [] | undefined, kwargs?: undefined, options?: PostHookOptions | undefined]

/**
 * A post hook with any arguments, as it stands in the list. It is called `hook(env, ...args, kwargs)`.
 *
 * @since 0.2.0
 * @category models
 */
export type PostHookTuple = readonly [
  hook: (env: Environ, ...args: never) => unknown,
  args?: ReadonlyArray<unknown> | undefined,
  kwargs?: unknown,
  options?: PostHookOptions | undefined
]

/**
 * The list under `eventlet.posthooks`. `push` checks the types of the arguments against the hook.
 *
 * @since 0.2.0
 * @category models
 */
export interface PostHooks extends Array<PostHookTuple> {
  /** Hooks without arguments: `push((env) => ...)`. A function becomes a tuple. */
  push(...entries: Array<PostHookEntry>): number
  /** A hook whose last argument is an object of named ones: `push([hook, ["arg1"], { kwarg2: 2 }])` */
  push<Args extends ReadonlyArray<unknown>, Kwargs>(
    entry: readonly [
      hook: PostHook<[...Args, Kwargs]>,
      args: readonly [...Args] | undefined,
      kwargs: Kwargs & {},
      options?: PostHookOptions | undefined
    ]
  ): number
  /** A hook with arguments: `push([hook, ["arg1", "arg2"]])` */
  push<Args extends ReadonlyArray<unknown>>(
    entry: readonly [
      hook: PostHook<Args>,
      args: readonly [...Args],
      kwargs?: undefined,
      options?: PostHookOptions | undefined
    ]
  ): number
}
