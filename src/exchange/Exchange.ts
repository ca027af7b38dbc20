/**
 * One request with its interim responses, its final response, its post hooks and its outcome, as a handler sees it.
 *
 * This is what the engine gives an application, through either door. It is not a function from request to response, because a
 * response may begin before the body is read, and several heads may precede the final one.
 *
 * @module
 * @since 0.1.0
 */
import type { FiberRefs } from "effect/FiberRefs"
import type { CloseableScope } from "effect/Scope"
import type { FieldPairs, JudgedHead, ResponseHead, ResponseLength } from "../protocol/heads.js"
import type { RequestHead } from "../protocol/requestHead.js"
import type { Address } from "./Address.js"
import type { Interruptor, Work } from "./Application.js"
import type { EngineConfig } from "./Config.js"
import type { Forwarded } from "./Forwarding.js"
import type { HookOptions } from "./HookQueue.js"
import type { AbortReason, Outcome } from "./Outcome.js"
import type { Peer } from "./Peer.js"
import type { PostHook } from "./PostHook.js"
import type { RequestBody } from "./RequestBody.js"
import type { InterimError, ResponseError } from "./ServerError.js"
import type { Takeover } from "./Wire.js"

/**
 * What a handler sees of an exchange, and may do with it. Only the engine ends an exchange.
 *
 * @since 0.1.0
 * @category models
 */
export interface Exchange {
  // ---------------------------------------------------------------------------------------------------------------
  // the request

  readonly request: RequestHead
  /** The body of the request. */
  readonly body: RequestBody
  /** Bytes of the request's body; 0 if it has none, `undefined` if only its end tells. */
  readonly bodyLength: number | undefined
  /** Whether the request has a body, even an empty one. */
  readonly hasBody: boolean
  /** The other end of the connection. */
  readonly peer: Peer
  /** What trusted proxies say about the request's origin; `undefined` if the connection's own facts count. */
  readonly forwarded: Forwarded | undefined
  /** The scheme of the client's request, as far as it is known. */
  readonly scheme: "http" | "https"
  /** The client: the peer, or the client for which a trusted proxy speaks. */
  readonly client: Address
  /** The protocols to which the client offers to switch (RFC 9110, 7.8), as a list; empty if it offers none. */
  readonly upgrade: string
  readonly config: EngineConfig
  /** The scope of the socket: see `SocketScope`. */
  readonly socketScope: CloseableScope

  // ---------------------------------------------------------------------------------------------------------------
  // how far it has come

  /** When the head was read, in milliseconds since the epoch, monotonic, with fractions. */
  readonly startTime: number
  /** Milliseconds since then. */
  readonly age: number
  /** Whether the final head was sent, or none can be sent any more. */
  readonly headSent: boolean
  /** Whether the answer is complete or given up, so that nothing more can be sent. */
  readonly answerEnded: boolean
  /** Whether the connection was taken over. */
  readonly takenOver: boolean
  /** Status of the final response, once there is one. */
  readonly status: number | undefined
  /** All bytes of the exchange handed to the kernel so far. */
  readonly wireBytes: number
  /** Why the exchange was interrupted, if it was. */
  readonly aborted: AbortReason | undefined
  /** How it ended; set before the post hooks run. */
  readonly outcome: Outcome | undefined

  // ---------------------------------------------------------------------------------------------------------------
  // interim responses

  /** Sends an interim response at once. An explicit 100 pays the one that is owed. */
  readonly interim: (status: number, fields: FieldPairs) => InterimError | undefined
  /**
   * Sets the fields of the 100 that is owed, and of those that `sendContinue` sends. Invalid fields are refused, even if no 100
   * is owed. With `exactNames` (default `false`) names keep their upper and lower case, if the protocol has both.
   */
  readonly setContinueFields: (fields: FieldPairs, exactNames?: boolean) => InterimError | undefined
  /** Sends a 100 at once, with the fields set for it. */
  readonly sendContinue: () => InterimError | undefined

  // ---------------------------------------------------------------------------------------------------------------
  // the final response

  /** Sends a whole response. Text is encoded as UTF-8. */
  readonly respond: (head: ResponseHead | JudgedHead, body: string | Uint8Array) => ResponseError | undefined
  /**
   * Begins a response whose body comes in parts. The head leaves with the first part, so that an earlier failure can still be
   * answered. Returns how many bytes the body must have.
   */
  readonly start: (head: ResponseHead | JudgedHead, bodyLength?: number) => ResponseLength | ResponseError
  /** Takes back a prepared head that has not left, so that another may be given. */
  readonly withdraw: () => void
  /** Sends a prepared head that has not left. */
  readonly sendHead: () => void
  /** Adds a part of the body: bytes, or text that is the same in latin-1 and UTF-8. `flush` sends it. */
  readonly addPart: (part: string | Uint8Array) => void
  /** Whether enough was added for a full write, so that `flush` need not wait for more. */
  readonly fullWrite: boolean
  /** Sends the parts that were added. */
  readonly flush: () => void
  /** Whether the client takes too little, so that producers should wait. */
  readonly congested: boolean
  /** Calls back once, when there is room again or the answer has ended. Several may wait. */
  readonly awaitRoom: (callback: () => void) => void
  /**
   * Ends the body, with these trailer fields (RFC 9110, 6.5) if the response can have any: in HTTP/1 only a chunked one can, so
   * they are dropped with a Content-Length, and to HTTP/1.0. Returns what is wrong with them, sent or not; then the body has not
   * ended.
   */
  readonly finish: (trailers?: FieldPairs) => ResponseError | undefined
  /** Called when the body is longer or shorter than its Content-Length (RFC 9110, 8.6). Logs that, and ends the connection. */
  readonly mismatch: (declared: number, given: number) => void
  /**
   * Called when the application has failed. Before the head has left, the client is answered 500, or the status of a `BodyError`.
   * After that the connection is cut, so that the client can tell; so is one that the application has taken over.
   */
  readonly fail: (error: unknown) => void
  /**
   * Takes the connection over, for a protocol that is not HTTP, with the bytes received after the request. Fails with
   * `Unsupported` if the protocol of the request does not allow that; the request can still be answered.
   */
  readonly takeOver: () => Takeover | ResponseError
  /** Called when a connection that was taken over is idle. A server that stops may then close it. */
  readonly markIdle: () => void

  // ---------------------------------------------------------------------------------------------------------------
  // the running application

  /**
   * Called when the application runs on, and can be interrupted: before its handler returns, and before a whole answer. The post
   * hooks wait until it has `ended`; once it was interrupted, no longer than `timeouts.interrupt`.
   */
  readonly running: (work: Work | Interruptor) => void
  /** Whether the application still runs. */
  readonly isRunning: boolean
  /** Called when the application has ended, by itself or interrupted. */
  readonly ended: () => void
  /** Calls back once, when the outcome is known, before the post hooks run. Several may wait. */
  readonly whenConcluded: (callback: (outcome: Outcome) => void) => void
  /**
   * Adds what ends that for which the connection was taken over. It is called once, when the server stops and `timeouts.farewell`
   * is over. There may be several.
   *
   * @since 0.2.0
   */
  readonly onGoodbye: (goodbye: () => void) => void

  // ---------------------------------------------------------------------------------------------------------------
  // post hooks

  /**
   * Adds work for after the exchange. A hook that is added when the others have run runs at once. A detached hook runs beside the
   * connection's next requests; the server's stop still waits for it.
   */
  readonly postHook: {
    (hook: PostHook, options?: HookOptions): void
    (hook: PostHook<unknown>, options: HookOptions & { readonly fiberRefs: FiberRefs }): void
  }
}
