/**
 * WebSockets: handshake and frames are the `ws` library's, the connection is ours until then.
 *
 * @since 0.1.0
 */
import { RequestError } from "@effect/platform/HttpServerError"
import * as Socket from "@effect/platform/Socket"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import { Buffer } from "node:buffer"
import { Duplex } from "node:stream"
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws"
import { ResponseError } from "../exchange/ServerError.js"
import * as UpgradeRequest from "../node/upgradeRequest.js"
import { complete, type DefaultsOf } from "../server/checkOptions.js"
import { number, yesOrNo } from "../server/optionKinds.js"
import * as Alive from "./Alive.js"
import { Goodbye } from "./Goodbye.js"
import type { RequestCall, ServerRequest } from "./ServerRequest.js"
import { WebSocketWrites } from "./WebSocketWrites.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface WebSocketOptions {
  /**
   * Longest message in bytes, after decompression; a longer one closes the WebSocket with 1009. Default 16777216, which is
   * what a message of @effect/rpc may have.
   */
  readonly maxPayload?: number | undefined
  /** Offer permessage-deflate (RFC 7692), without context takeover, so that memory per connection stays bounded. Default `true`. */
  readonly perMessageDeflate?: boolean | undefined
  /**
   * Milliseconds for which a peer may be silent before it is pinged, and again before it is taken for gone: the connection
   * is cut, and the handler ends as with any client that has left. `Infinity` pings nobody. Default 60000.
   *
   * @since 0.2.0
   */
  readonly idle?: number | undefined
  /**
   * Bytes that may wait for a client that does not read. With so many, `writer` waits, and nothing more is read from the
   * client. Default 1048576.
   *
   * @since 0.2.0
   */
  readonly highWaterMark?: number | undefined
}

/**
 * `ws` takes 0, and a number of more than 31 bits, for no bound at all, so neither is accepted.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: DefaultsOf<WebSocketSettings> = {
  maxPayload: {
    ...number({ least: 1, most: 2 ** 31 - 1, whole: true, unit: "bytes", infinite: true }),
    standard: 16_777_216
  },
  perMessageDeflate: { ...yesOrNo, standard: true },
  idle: { ...number({ least: 1, unit: "milliseconds", infinite: true }), standard: 60_000 },
  highWaterMark: { ...number({ least: 1, whole: true, unit: "bytes", infinite: true }), standard: 1_048_576 }
}

interface WebSocketSettings {
  readonly maxPayload: number
  readonly perMessageDeflate: boolean
  readonly idle: number
  readonly highWaterMark: number
}

/**
 * Makes what turns a request into a Socket. The connection is taken over when the Socket is run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: WebSocketOptions) => {
  const { highWaterMark, idle, maxPayload, perMessageDeflate } = complete(table, options)
  const settings: ServerOptions = {
    noServer: true,
    clientTracking: false,
    // one frame in a tick: a client may have sent thousands, and others are to have their turns
    allowSynchronousEvents: false,
    maxPayload,
    perMessageDeflate: perMessageDeflate &&
      { serverNoContextTakeover: true, clientNoContextTakeover: true, concurrencyLimit: 10 }
  }
  const server = new WebSocketServer(settings)
  const fault = faults(settings)
  return (call: RequestCall, request: ServerRequest): Effect.Effect<Socket.Socket, RequestError> =>
    Effect.suspend(() => {
      const wrong = fault(call, request)
      if (wrong !== undefined) {
        return Effect.fail(new RequestError({ request, reason: "Decode", description: wrong }))
      }
      let goodbye: Goodbye | undefined
      const writes = new WebSocketWrites(highWaterMark)
      const opened = (own: Goodbye, socket: WebSocket): void => {
        goodbye = own
        writes.watch(socket)
      }
      return Effect.map(
        Socket.fromWebSocket(
          Effect.acquireRelease(
            open(server, call, request, opened),
            (socket) =>
              Effect.sync(() => {
                // a handler that the stop interrupts says why; any other has said what it wanted to say
                if (call.exchange.aborted === "Stopped") goodbye?.leave()
                else socket.close()
                // its peer's close is to come
                writes.readOn()
              })
          ).pipe(Effect.tap((socket) => idle === Infinity ? Effect.void : watch(socket, call, idle))),
          { closeCodeIsError: (code) => Socket.defaultCloseCodeIsError(code) && goodbye?.explains(code) !== true }
        ),
        (socket) => writes.over(socket)
      )
    })
}

const open = (
  server: WebSocketServer,
  call: RequestCall,
  request: ServerRequest,
  opened: (goodbye: Goodbye, socket: WebSocket) => void
): Effect.Effect<WebSocket & globalThis.WebSocket, Socket.SocketGenericError> =>
  Effect.async((resume) => {
    const fail = (cause: unknown): void => resume(Effect.fail(new Socket.SocketGenericError({ reason: "Open", cause })))
    const taken = call.exchange.takeOver()
    if (taken instanceof ResponseError) return fail(taken)
    if (!(taken.stream instanceof Duplex)) return fail(new TypeError("this transport has no stream to give"))
    call.socket = taken.stream
    taken.stream.once("close", () => fail(new Error("the connection was closed within the handshake")))
    server.handleUpgrade(
      handshake(request),
      taken.stream,
      Buffer.from(taken.rest),
      (socket) => {
        // what is wrong with the first frames is told before anybody else can listen
        socket.on("error", (error) => call.exchange.logFailure("a WebSocket failed", error, "Debug"))
        if (!isWebSocket(socket)) return fail(new TypeError("no WebSocket"))
        const goodbye = new Goodbye(socket)
        opened(goodbye, socket)
        call.exchange.onGoodbye(() => goodbye.say())
        resume(Effect.succeed(socket))
      }
    )
  })

const watch = (socket: WebSocket, { socket: stream }: RequestCall, idle: number) =>
  stream === undefined ? Effect.void : Effect.forkScoped(Effect.interruptible(Alive.watch(socket, stream, idle)))

// `ws` has the interface of browsers, but not their type.
const isWebSocket = (socket: WebSocket): socket is WebSocket & globalThis.WebSocket =>
  Predicate.hasProperty(socket, "addEventListener") && Predicate.hasProperty(socket, "readyState")

// What `ws` would refuse by itself is refused before the connection is given away (RFC 6455, 4.2.1), so that the
// application can still answer. What that is, it is asked itself: with a connection to nowhere, and no answer at the end.
const faults = (settings: ServerOptions) => {
  let wrong: string | undefined
  const judge = new WebSocketServer({
    ...settings,
    verifyClient: (_info, _verified) => {
      wrong = undefined
    }
  })
  judge.on("wsClientError", (error) => {
    wrong = error.message
  })
  return (call: RequestCall, request: ServerRequest): string | undefined => {
    wrong = "not an upgradeable ServerRequest"
    const offered = call.exchange.upgrade.toLowerCase().split(",").map((protocol) => protocol.trim())
    if (!offered.includes("websocket")) return wrong
    const nowhere = new Duplex({ read: () => undefined, write: (_bytes, _encoding, done) => done() })
    judge.handleUpgrade(handshake(request), nowhere, Buffer.alloc(0), () => undefined)
    return wrong
  }
}

const handshake = (request: ServerRequest) => UpgradeRequest.make(request.method, request.url, request.headers)
