/**
 * A client that leaves a response while it reads it is not a failure. Nothing is logged as one, whatever is interrupted: the
 * stream, what feeds it, what waits for it, finalizers that wait for those, and calls of an RPC. What does fail then is logged as
 * such.
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Rpc from "@effect/rpc/Rpc"
import * as RpcGroup from "@effect/rpc/RpcGroup"
import * as RpcSerialization from "@effect/rpc/RpcSerialization"
import * as RpcServer from "@effect/rpc/RpcServer"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Mailbox from "effect/Mailbox"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { expect, it } from "vitest"
import { get, request } from "../utils/requests.js"
import { type Handler, kinds, nothingSeen, open, type Seen, type Served, someKinds, watch } from "./scene.js"

const event = "data: 1\n\n"
const first = Stream.encodeText(Stream.succeed(event))

const events = <E>(rest: Stream.Stream<Uint8Array, E>): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.stream(Stream.concat(first, rest), { contentType: "text/event-stream" })

const streams: Readonly<Record<string, Handler>> = {
  "events that never come": Effect.succeed(events(Stream.never)),
  "events that cannot be interrupted": Effect.succeed(
    events(Stream.drain(Stream.fromEffect(Effect.uninterruptible(Effect.yieldNow()))).pipe(Stream.forever))
  ),
  "events from a mailbox that a fiber of the request fills": Effect.gen(function*() {
    const mailbox = yield* Mailbox.make<Uint8Array>()
    yield* Effect.forkScoped(
      Effect.forever(Effect.zipRight(Effect.sleep("5 millis"), mailbox.offer(Buffer.from(event))))
    )
    return events(Mailbox.toStream(mailbox))
  }),
  "a finalizer that waits for what was interrupted": Effect.gen(function*() {
    const feeder = yield* Effect.forkDaemon(Effect.never)
    yield* Effect.addFinalizer(() => Effect.zipRight(Fiber.interruptFork(feeder), Fiber.join(feeder)))
    return events(Stream.never)
  })
}

class Numbers extends RpcGroup.make(Rpc.make("numbers", { success: Schema.Number, stream: true })) {}

const call = {
  _tag: "Request",
  id: "1",
  tag: "numbers",
  payload: null,
  headers: [],
  traceId: "1".repeat(32),
  spanId: "1".repeat(16),
  sampled: true
}

const rpc: Served = HttpRouter.Default.serve().pipe(
  Layer.provide(RpcServer.layer(Numbers)),
  Layer.provide(RpcServer.layerProtocolHttp({ path: "/" })),
  Layer.provide(Numbers.toLayer({ numbers: () => Stream.concat(Stream.succeed(1), Stream.never) })),
  Layer.provide(RpcSerialization.layerNdjson)
)

const rpcRequest = (): string => {
  const body = `${JSON.stringify(call)}\n`
  return request("POST", "/", ["Content-Type: application/ndjson", `Content-Length: ${body.length}`], body)
}

const complaints = ({ lines }: Seen): ReadonlyArray<string> =>
  lines.entries.filter((line) => /^(?:Warning|Error|Fatal)/.test(line))

const leave = async (served: Served, seen: Seen, request: string, marker: string): Promise<void> => {
  await using scene = await open(served, seen)
  {
    await using client = await scene.connect()
    client.send(request)
    await client.until(marker)
  }
  await seen.records.first(1)
}

it.each(someKinds.flatMap((kind) => Object.keys(streams).map((stream) => [kind, stream] as const)))(
  "%s: %s",
  async (kind, stream) => {
    const seen = nothingSeen()
    await leave(kinds[kind](Effect.zipRight(watch(seen), streams[stream])), seen, get(), event)
    expect(seen.events.entries).toContain("scope ClientGone")
    expect(complaints(seen)).toEqual([])
  }
)

it("a call of an RPC over HTTP", async () => {
  const seen = nothingSeen()
  await leave(rpc, seen, rpcRequest(), "\"values\":[1]")
  expect(complaints(seen)).toEqual([])
})

it("a finalizer that fails is told as what it failed with", async () => {
  const seen = nothingSeen()
  const handler = Effect.as(Effect.addFinalizer(() => Effect.die(new Error("the file is gone"))), events(Stream.never))
  await leave(kinds.HttpApp(handler), seen, get(), event)
  expect(complaints(seen)).toEqual([expect.stringMatching(/^Error a finalizer of the request's scope failed \(.*\)$/)])
})
