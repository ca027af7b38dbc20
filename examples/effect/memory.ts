/**
 * A server without a port, and half a minute without waiting, as in a test: the listener is in memory, clients send bytes, and
 * the program moves the time.
 *
 *   npx tsx examples/effect/memory.ts
 *       after half a minute: 200 done
 *       a body that does not come: 408
 *       a client that leaves: interrupted
 */
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer, Queue, TestClock, TestContext } from "effect"
import { MemoryListener, TsgiHttpServer } from "tsgi/effect"

const events = Effect.runSync(Queue.unbounded<string>())

const router = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/slow",
    events.offer("begun").pipe(
      Effect.zipRight(Effect.sleep("30 seconds")),
      Effect.as(HttpServerResponse.text("done")),
      Effect.onInterrupt(() => events.offer("interrupted"))
    )
  ),
  HttpRouter.post(
    "/",
    Effect.map(
      Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text),
      (text) => HttpServerResponse.text(text)
    )
  )
)

const server = router.pipe(
  HttpServer.serve(),
  Layer.provide(TsgiHttpServer.layerWith()),
  Layer.provide(TsgiHttpServer.layerServices),
  Layer.provideMerge(MemoryListener.layer())
)

const program = Effect.gen(function*() {
  const { connect } = yield* MemoryListener.MemoryListener
  const get = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"

  const patient = yield* connect()
  patient.send(get)
  yield* events.take
  yield* TestClock.adjust("30 seconds")
  const answer = yield* Effect.promise(() => patient.response())
  yield* Console.log(`after half a minute: ${answer.status} ${answer.body.toString()}`)

  const silent = yield* connect()
  silent.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
  // the 100 shows that the handler reads
  yield* Effect.promise(() => silent.head())
  yield* TestClock.adjust("35 seconds")
  const { status } = yield* Effect.promise(() => silent.response())
  yield* Console.log(`a body that does not come: ${status}`)

  const leaving = yield* connect()
  leaving.send(get)
  yield* events.take
  leaving.reset()
  yield* Console.log(`a client that leaves: ${yield* events.take}`)
})

program.pipe(
  Effect.scoped,
  Effect.provide(server),
  Effect.provide(TestContext.TestContext),
  NodeRuntime.runMain
)
