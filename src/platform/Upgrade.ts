/**
 * WebSockets. The library `ws` takes the connection over, for the handshake and the frames.
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
import { Goodbye } from "./Goodbye.js"
import * as Heartbeat from "./heartbeat.js"
import type { RequestCall, ServerRequest } from "./ServerRequest.js"
import { WebSocketWrites } from "./WebSocketWrites.js"

/**
 * Bounds on what a WebSocket sends, on what waits to be sent to it, and on its silence.
 *
 * @since 0.1.0
 * @category models
 */
export interface WebSocketOptions {
  /**
   * The longest message in bytes, after decompression. A longer one closes the WebSocket with 1009. Default 16777216, the bound
   * of @effect/rpc on a message.
   */
  readonly maxPayload?: number | undefined
  /** Whether permessage-deflate (RFC 7692) is offered, without context takeover, so that memory is bounded. Default `true`. */
  readonly perMessageDeflate?: boolean | undefined
  /**
   * Milliseconds for which a peer may be silent before it is pinged, and then again before it counts as gone: the connection
   * is cut, and the handler ends as with any client that has left. 0 or `Infinity` sends no pings. Default 60000.
   *
   * @since 0.2.0
   */
  readonly idle?: number | undefined
  /**
   * Bytes that may wait for a client that does not read. With more, `writer` waits, and nothing is read from the client. Default
   * 1048576.
   *
   * @since 0.2.0
   */
  readonly highWaterMark?: number | undefined
}

/**
 * The options of WebSockets. `maxPayload` has this range because `ws` takes 0 and numbers of more than 31 bits to mean no bound.
 *
 * @since 0.2.0
 * @category constants
 */
export const table: DefaultsOf<WebSocketSettings> = {
  maxPayload: {
    ...number({ least: 1, most: 2 ** 31 - 1, whole: true, unit: "bytes", infinite: true }),
    defaultValue: 16_777_216
  },
  perMessageDeflate: { ...yesOrNo, defaultValue: true },
  idle: { ...number({ unit: "milliseconds", infinite: true }), defaultValue: 60_000 },
  highWaterMark: { ...number({ least: 1, whole: true, unit: "bytes", infinite: true }), defaultValue: 1_048_576 }
}

interface WebSocketSettings {
  readonly maxPayload: number
  readonly perMessageDeflate: boolean
  readonly idle: number
  readonly highWaterMark: number
}

/**
 * Makes the function that turns a request into a Socket. The connection is taken over when the Socket is run.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options?: WebSocketOptions) => {
  const { highWaterMark, idle, maxPayload, perMessageDeflate } = complete(table, options)
  const settings: ServerOptions = {
    noServer: true,
    clientTracking: false,
    // one frame is read in each turn of the event loop, because a client may have sent thousands, and others must be served
    allowSynchronousEvents: false,
    maxPayload,
    perMessageDeflate: perMessageDeflate &&
      { serverNoContextTakeover: true, clientNoContextTakeover: true, concurrencyLimit: 10 }
  }
  const server = new WebSocketServer(settings)
  const refusalOf = refusals(settings)
  return (call: RequestCall, request: ServerRequest): Effect.Effect<Socket.Socket, RequestError> =>
    Effect.suspend(() => {
      const refusal = refusalOf(call, request)
      if (refusal !== undefined) {
        return Effect.fail(new RequestError({ request, reason: "Decode", description: refusal }))
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
                // the stop has interrupted the handler, or the handler has ended
                if (call.exchange.aborted === "Stopped") goodbye?.closeNow()
                else socket.close()
                // it reads on, for the close of the peer
                writes.readOn()
              })
          ).pipe(Effect.tap((socket) => idle === 0 || idle === Infinity ? Effect.void : watch(socket, call, idle))),
          { closeCodeIsError: (code) => Socket.defaultCloseCodeIsError(code) && goodbye?.explains(code) !== true }
        ),
        (socket) => writes.wrap(socket)
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
    if (!(taken.stream instanceof Duplex)) {
      return fail(
        new TypeError("this connection has no stream to give: its listener, such as one in memory, accepts none")
      )
    }
    call.tookOver(taken.stream)
    taken.stream.once("close", () => fail(new Error("the connection was closed during the handshake")))
    server.handleUpgrade(
      handshake(request),
      taken.stream,
      Buffer.from(taken.rest),
      (socket) => {
        // an error in the first frames may come before the Socket listens
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
  stream === undefined ? Effect.void : Effect.forkScoped(Effect.interruptible(Heartbeat.watch(socket, stream, idle)))

// `ws` has the interface of browsers, but not their type.
const isWebSocket = (socket: WebSocket): socket is WebSocket & globalThis.WebSocket =>
  Predicate.hasProperty(socket, "addEventListener") && Predicate.hasProperty(socket, "readyState")

// Refuses a handshake that `ws` would refuse before the connection is taken over (RFC 6455, 4.2.1), so that the application can
// still answer. `ws` judges it on a stream that leads nowhere.
const refusals = (settings: ServerOptions) => {
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
