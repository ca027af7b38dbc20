/** WebSockets, and RPC over them and over HTTP. */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Socket from "@effect/platform/Socket"
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { Buffer } from "node:buffer"
import { type ClientOptions, WebSocket } from "ws"
import { Journal } from "../../utils/Journal.js"
import type { Observation } from "../answers.js"
import type { DecisionName } from "../decisions.js"
import type { Scene } from "../differential.js"
import { type Exchange, get, head, type Peer, post, request, talk } from "../exchanges.js"

const echo = Effect.gen(function*() {
  const socket = yield* HttpServerRequest.upgrade
  const write = yield* socket.writer
  yield* socket.runRaw((message) => write(message))
  return HttpServerResponse.empty()
}).pipe(Effect.scoped)

/** Closes with the code that it receives. */
const closing = Effect.gen(function*() {
  const socket = yield* HttpServerRequest.upgrade
  const write = yield* socket.writer
  yield* socket.runRaw((code) => write(new Socket.CloseEvent(Number(code), "as you wish")))
  return HttpServerResponse.empty()
}).pipe(Effect.scoped)

const ending = Effect.gen(function*() {
  const socket = yield* HttpServerRequest.upgrade
  yield* Effect.race(
    socket.runRaw(() => Effect.void),
    Effect.zipRight(Effect.flatMap(socket.writer, (write) => write("goodbye")), Effect.void)
  )
  return HttpServerResponse.empty()
}).pipe(Effect.scoped)

const routes = HttpRouter.empty.pipe(
  HttpRouter.get("/echo", echo),
  HttpRouter.post("/echo", echo),
  HttpRouter.get("/closing", closing),
  HttpRouter.get("/ending", ending),
  HttpRouter.get("/plain", HttpServerResponse.text("plain")),
  HttpRouter.get("/refuses", HttpServerResponse.empty({ status: 403 }))
)

/** Talks over a WebSocket until that is closed. Returns the messages, and how it has ended. */
const webSocket = (
  path: string,
  converse: (client: WebSocket, messages: Journal<string>) => Promise<void> | void,
  options?: ClientOptions
) =>
async (peer: Peer): Promise<Observation> => {
  const client = new WebSocket(`ws://${peer.authority}${path}`, {
    perMessageDeflate: false,
    headers: { Host: "example.test" },
    ...options
  })
  const messages = new Journal<string>()
  client.on(
    "message",
    (data: Buffer, isBinary) =>
      messages.push(`${isBinary ? "binary" : "text"} ${data.length} ${data.subarray(0, 50).toString("latin1")}`)
  )
  const closed = new Promise<string>((resolve) => {
    client.once("close", (code, reason) => resolve(`${code} ${reason.toString()}`))
  })
  const opened = new Promise<void>((resolve, reject) => {
    client.once("open", resolve)
    client.once("error", reject)
  })
  client.on("error", () => undefined)
  await opened
  const { extensions } = client
  await converse(client, messages)
  const end = await closed
  return { extensions, messages: messages.entries.join("\n"), end, body: "" }
}

const speaking =
  (...said: ReadonlyArray<string | Uint8Array>) => async (client: WebSocket, messages: Journal<string>) => {
    for (const [i, message] of said.entries()) {
      client.send(message)
      await messages.first(i + 1)
    }
    client.close(1000, "done")
  }

const upgrade = (
  headers: Readonly<Record<string, string>>,
  path = "/echo",
  decisions: ReadonlyArray<DecisionName> = []
) =>
  get(path, {
    headers: {
      Connection: "Upgrade",
      Upgrade: "websocket",
      "Sec-WebSocket-Version": "13",
      "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
      ...headers
    },
    title: `upgrade ${path} ${JSON.stringify(headers)}`,
    decisions
  })

const deflate = { perMessageDeflate: { threshold: 0 } }
const binary = new Uint8Array([0, 1, 254, 255])

const conversations: ReadonlyArray<Exchange> = [
  talk("text and binary", webSocket("/echo", speaking("hello", "grüße 🙂", binary, ""))),
  talk("a message of a megabyte", webSocket("/echo", speaking(new Uint8Array(1_000_000)))),
  talk("the client closes with 1000", webSocket("/echo", (client) => client.close(1000))),
  talk("the client closes with 3001", webSocket("/echo", (client) => client.close(3001, "bye"))),
  talk("the client closes without a code", webSocket("/echo", (client) => client.close())),
  talk("the server closes with 4000", webSocket("/closing", (client) => client.send("4000"))),
  talk("the server closes with 1000", webSocket("/closing", (client) => client.send("1000"))),
  talk("the handler ends", webSocket("/ending", () => undefined)),
  talk(
    "compressed",
    webSocket("/echo", speaking("a".repeat(10_000), binary), deflate),
    "deflateIsOffered"
  ),
  get("/plain"),
  get("/echo"),
  head("/echo"),
  post("/echo", "body"),
  upgrade({}, "/plain"),
  upgrade({}, "/refuses"),
  upgrade({}, "/nowhere")
]

export const webSockets: ReadonlyArray<Scene> = [
  { name: "WebSockets", app: HttpServer.serve(routes), exchanges: conversations },
  { name: "WebSockets with a logger", app: HttpServer.serve(routes, HttpMiddleware.logger), exchanges: conversations },
  {
    name: "WebSockets with a bound",
    app: HttpServer.serve(routes),
    options: { websocket: { maxPayload: 1000 } },
    exchanges: [
      talk("just fits", webSocket("/echo", speaking("a".repeat(1000)))),
      talk(
        "too long",
        webSocket("/echo", async (client, messages) => {
          client.send("a".repeat(1001))
          await Promise.race([messages.first(1), new Promise((resolve) => client.once("close", resolve))])
          client.close()
        }),
        "messagesAreBounded"
      )
    ]
  }
]

class Refused extends Schema.TaggedError<Refused>()("Refused", { why: Schema.String }) {}

class Rpcs extends RpcGroup.make(
  Rpc.make("Add", { payload: { a: Schema.Number, b: Schema.Number }, success: Schema.Number, error: Refused }),
  Rpc.make("Count", { payload: { to: Schema.Number }, success: Schema.Number, stream: true })
) {}

const RpcsLive = Rpcs.toLayer({
  Add: ({ a, b }) => a < 0 ? Effect.fail(new Refused({ why: "negative" })) : Effect.succeed(a + b),
  Count: ({ to }) => Stream.range(1, to)
})

const call = (id: number, tag: string, payload: unknown) =>
  `${JSON.stringify({ _tag: "Request", id: String(id), tag, payload, headers: [] })}\n`

const rpcCalls: ReadonlyArray<Exchange> = [
  post("/rpc", call(1, "Add", { a: 1, b: 2 })),
  post("/rpc", call(1, "Add", { a: -1, b: 2 }), { title: "an RPC that fails" }),
  post("/rpc", call(1, "Add", { a: "x" }), { title: "an RPC of nonsense" }),
  post("/rpc", call(1, "Nothing", {}), { title: "an RPC that is not there" }),
  post("/rpc", call(1, "Count", { to: 3 }), { title: "an RPC that streams" }),
  post("/rpc", call(1, "Add", { a: 1, b: 2 }) + call(2, "Add", { a: 3, b: 4 }), { title: "two RPCs" }),
  post("/rpc", "nonsense", { title: "no RPC at all" }),
  request("GET", "/rpc")
]

const rpcOverWebSocket = async (client: WebSocket, messages: Journal<string>) => {
  client.send(call(1, "Add", { a: 1, b: 2 }))
  await messages.first(1)
  client.send(call(2, "Add", { a: -1, b: 2 }))
  await messages.first(2)
  client.send(call(3, "Count", { to: 2 }))
  await messages.find((message) =>
    message.includes("\"Exit\"") && message.includes("\"3\"") || message.includes("Chunk")
  )
  client.send("{\"_tag\":\"Ack\",\"requestId\":\"3\"}\n")
  await messages.find((message) => message.includes("\"Exit\"") && message.includes("\"3\""))
  client.close(1000)
}

const rpcs = RpcServer.layer(Rpcs).pipe(Layer.provide(RpcsLive))

export const rpc: ReadonlyArray<Scene> = [
  {
    name: "RPC over HTTP",
    app: HttpRouter.Default.serve().pipe(
      Layer.provide(rpcs),
      Layer.provide(RpcServer.layerProtocolHttp({ path: "/rpc" })),
      Layer.provide(RpcSerialization.layerNdjson)
    ),
    exchanges: rpcCalls
  },
  {
    name: "RPC over WebSocket",
    app: HttpRouter.Default.serve().pipe(
      Layer.provide(rpcs),
      Layer.provide(RpcServer.layerProtocolWebsocket({ path: "/rpc" })),
      Layer.provide(RpcSerialization.layerNdjson)
    ),
    exchanges: [talk("calls", webSocket("/rpc", rpcOverWebSocket)), get("/rpc")]
  },
  {
    name: "RPC in HttpLayerRouter",
    app: HttpLayerRouter.serve(
      RpcServer.layerHttpRouter({ group: Rpcs, path: "/rpc", protocol: "http" }).pipe(
        Layer.provide(RpcsLive),
        Layer.provide(RpcSerialization.layerNdjson)
      ),
      { disableListenLog: true }
    ),
    exchanges: rpcCalls
  }
]
