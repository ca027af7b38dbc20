/**
 * The settings of an operator, whatever protocol a connection speaks.
 *
 * @since 0.1.0
 */
import type { ForwardedField } from "../protocol/forwarded.js"
import type { MessageLimits } from "../protocol/limits.js"
import type { TrustedProxies } from "./TrustedProxies.js"

/**
 * Bounds on messages, on connections, and on bodies that are read whole.
 *
 * @since 0.2.0
 * @category models
 */
export interface EngineLimits extends MessageLimits {
  /**
   * Connections that have a place, so that their requests are served. Further ones wait for a place, no longer than
   * `timeouts.place`. A connection that is idle, or has not used its place for a while, gives it up. Default 1024.
   */
  readonly connections: number
  /**
   * Connections that may wait for a place; those with a request are served first. For a further one, a connection without a
   * request is closed, the oldest first; if all have one, the new connection is answered 503. If 256 connections are refused or
   * about to end, it is closed unanswered, and counted as lost. Default 1024.
   */
  readonly waitingConnections: number
  /**
   * The share of the places that one address keeps when others ask for one, and the share of all connections that it may have at
   * any time: above 0 and at most 1. An address is one of IPv4, or a /64 of IPv6. Trusted proxies and unix sockets may have all;
   * with 1 every address may. Default 0.9.
   *
   * @since 0.2.0
   */
  readonly addressShare: number
  /** The most TLS handshakes that are under way at a time; a further one replaces the oldest. Default 2048. */
  readonly handshakes: number
  /**
   * Requests on one connection. The server tells the client which one is the last, in HTTP/1 by `Connection: close`. Default
   * `Infinity`.
   */
  readonly requestsPerConnection: number
  /**
   * Bytes of a body that is read whole into memory, such as by `read()` without a size, one line, all `readlines()`, or
   * `request.text()`. More fails with `TooLarge`, which is answered 413. Default 10485760.
   *
   * @since 0.2.0
   */
  readonly wholeBody: number
  /**
   * Bytes of a body that is parsed whole, as JSON or as `application/x-www-form-urlencoded`, and lines of `readlines()`: the
   * result takes up to a hundred times their length. More is answered 413. Default 1048576.
   *
   * @since 0.2.0
   */
  readonly parsedBody: number
  /**
   * Bytes that are read and dropped when a client still sends after its last response, so that it can read that. Default
   * 268435456.
   *
   * @since 0.2.0
   */
  readonly linger: number
}

/**
 * The least rates of clients, in bytes a second; 0 means no least rate. They are judged over a window of waiting: time in which
 * the server does not wait for the client does not count.
 *
 * @since 0.2.0
 * @category models
 */
export interface Rates {
  /** For a body that the application is reading; a slower client is answered 408. Default 512. */
  readonly body: number
  /** For a response that waits to be sent; the connection of a slower client is closed. Default 2048. */
  readonly download: number
  /** Milliseconds of waiting after which both are judged, again and again. Default 60000. */
  readonly window: number
}

/**
 * Deadlines that every protocol has, in milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface EngineTimeouts {
  /** TLS handshake; at least 1. Default 10000. */
  readonly handshake: number
  /** From accept to the first byte of the first request. Default 60000. */
  readonly firstRequest: number
  /**
   * For a request to get a place, while all are taken and none is freed; then 503 with `Retry-After`. Default 10000.
   *
   * @since 0.2.0
   */
  readonly place: number
  /** From the first byte of a request to the end of its field section; then 408. Default 30000. */
  readonly head: number
  /** Between requests. Default 75000. */
  readonly idle: number
  /** While the application waits for body bytes, without one. Default 30000. */
  readonly body: number
  /**
   * From the first byte of a request to its last, its body included; then 408, and an application that is not reading the body
   * is interrupted, while an answer that has begun goes on. A client that the server keeps waiting is not late: the time begins
   * anew with the 100 that it is owed, and with the next read of a body longer than what is read ahead (64 KiB). An
   * application that reads nothing of that for so long is late itself: 503. 0 switches it off. Default 300000.
   *
   * @since 0.2.0
   */
  readonly request: number
  /**
   * From the end of a request's head to the beginning of its answer; then 503, and the application is interrupted. Default
   * `Infinity`.
   *
   * @since 0.2.0
   */
  readonly handler: number
  /**
   * While bytes wait to be sent and the kernel does not take a write of up to 256 KiB; on a connection that was taken over, while
   * it takes nothing. Default 60000.
   */
  readonly write: number
  /** After the last response, for the client to read it and close, counted from the last byte that arrives. Default 2000. */
  readonly linger: number
  /**
   * The same, counted from the last response. Default 30000.
   *
   * @since 0.2.0
   */
  readonly lingerTotal: number
  /** For an interrupted application to end, before post hooks run without it. Default 1000. */
  readonly interrupt: number
  /**
   * When the server stops: idle connections are kept for this time, and requests that arrive on them are answered. With 0,
   * requests that have arrived are still answered. It must be finite. Default 0.
   *
   * @since 0.2.0
   */
  readonly settle: number
  /**
   * When the server stops: until connections that have no end of their own are ended. WebSockets are closed with 1001, event
   * streams interrupted. Default 1000.
   *
   * @since 0.2.0
   */
  readonly farewell: number
  /**
   * When the server stops: for each post hook, and each finalizer of a request or a socket, counted from its beginning or from
   * that of the stop; then the stop no longer waits for it. At all times: for the hooks and finalizers of a connection whose work
   * has ended; then its socket is closed, and they run on without it. Default 5000.
   *
   * @since 0.2.0
   */
  readonly hooks: number
  /**
   * When the server stops: for running exchanges to end, after `settle`. Default 3000: with `interrupt` and `hooks` after it, a
   * stop takes 9 s at most, or 9.5 s if nothing reads the logs, and ends before Docker kills a container, 10 s after SIGTERM.
   */
  readonly grace: number
}

/**
 * Fields in which proxies name the client whose request they pass on: `"x-forwarded"` are X-Forwarded-For, -Proto, -Host and
 * -Port, `"forwarded"` is Forwarded (RFC 7239), `true` is both kinds, and a list has those that it names. A trusted proxy must
 * set each of them, or remove what it has received.
 *
 * @since 0.2.0
 * @category models
 */
export type ForwardedOption = boolean | "x-forwarded" | "forwarded" | ReadonlyArray<ForwardedField>

/**
 * The settings of the engine that every protocol has, with a value for each.
 *
 * @since 0.2.0
 * @category models
 */
export interface EngineConfig {
  readonly limits: EngineLimits
  readonly timeouts: EngineTimeouts
  /**
   * Least rates.
   *
   * @since 0.2.0
   */
  readonly rates: Rates
  /** Peers that may speak for others (see `forwarded`), made by `TrustedProxies.make`. Default: none. */
  readonly trustedProxies: TrustedProxies
  /** Fields of trusted proxies that are believed. Default `false`: they are fields like any other. */
  readonly forwarded: ForwardedOption
  /** With `true`, a 500 has the text of the failure. Default `false`: only the log has the text. */
  readonly debug: boolean
}
