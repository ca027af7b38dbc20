/** The engine in memory, with a journal of everything that happens to a connection. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as TestClock from "effect/TestClock"
import { MemoryListener } from "tsgi/testing"
import type { DoorExchange } from "../../src/exchange/DoorExchange.js"
import type { Exchange } from "../../src/exchange/Exchange.js"
import type { Outcome } from "../../src/exchange/Outcome.js"
import { type BindError, BodyError } from "../../src/exchange/ServerError.js"
import * as AccessLog from "../../src/server/AccessLog.js"
import { Listener } from "../../src/server/Listener.js"
import * as Server from "../../src/server/Server.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { Journal, turns } from "../utils/Journal.js"
import { noting } from "../utils/noting.js"

export interface Engine {
  readonly running: Server.Running
  readonly connect: ReturnType<typeof MemoryListener.make>["connect"]
}

/** An outcome for tests in which it does not matter. */
export const sent: Outcome = {
  _tag: "Sent",
  status: 200,
  bodyBytes: 0,
  wireBytes: 0,
  interimResponses: 0,
  startTime: 0,
  firstByteTime: 0,
  endTime: 0
}

/** Reads the body to its end, then answers with its length. */
export const readBody = (exchange: Exchange): void => {
  const taken = exchange.body.take()
  if (taken === undefined) return void exchange.body.wait(() => readBody(exchange))
  if (taken instanceof BodyError) return exchange.fail(taken)
  if (taken instanceof Uint8Array) return readBody(exchange)
  exchange.respond({ status: 200, fields: [] }, String(exchange.body.bytes))
}

/** `Sent`, `Failed`, or `Aborted` with its reason. */
export const named = (outcome: Outcome): string =>
  outcome._tag === "Aborted" ? `Aborted ${outcome.reason}` : outcome._tag

/**
 * Lets time pass under TestClock until a running server has stopped, if the scope closes with a failure. A failed scene would
 * otherwise wait for a grace time that never ends.
 */
export const stopIfFailed = (running: Server.Running): Effect.Effect<void, never, Scope.Scope> =>
  Effect.addFinalizer((exit) =>
    Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause) ? Effect.void : Effect.gen(function*() {
      const stopping = yield* Effect.forkDaemon(running.stop({ grace: 0 }))
      for (let minutes = 0; minutes < 10 && Option.isNone(yield* Fiber.poll(stopping)); minutes++) {
        yield* Effect.promise(() => turns(20))
        yield* TestClock.adjust("1 minute")
      }
      yield* Fiber.join(stopping)
    })
  )

/**
 * Serves within a scope, with the test's own services in place of the default ones. Notes `access` for each record and `socket
 * closed` when the engine closes a socket.
 */
export const serve = (
  handler: (exchange: DoorExchange, journal: Journal<string>) => void,
  journal: Journal<string> = new Journal(),
  config: ServerConfig.PartialConfig = {},
  own: Layer.Layer<never> = Layer.empty
): Effect.Effect<Engine, BindError, Scope.Scope> => {
  const memory = MemoryListener.make()
  const layer = Layer.mergeAll(
    Server.layerServices,
    Layer.succeed(Listener, noting(memory.listener, () => journal.push("socket closed"))),
    AccessLog.layerFunction((record) => {
      journal.push(record.outcome === undefined ? `refused ${record.status}` : `access ${named(record.outcome)}`)
    }),
    own
  ).pipe(Layer.provideMerge(ServerConfig.layer(config)))
  return Server.serveDoor((exchange) => handler(exchange, journal)).pipe(
    Effect.tap(stopIfFailed),
    Effect.map((running) => ({ running, connect: memory.connect })),
    Effect.provide(layer)
  )
}
