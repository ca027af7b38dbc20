/** What the server does for a session, whatever protocol that speaks: the session is made in one place, and has its host. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import { RequestError } from "../../src/exchange/ServerError.js"
import type { Refused, Session } from "../../src/exchange/Session.js"
import * as AccessLog from "../../src/server/AccessLog.js"
import * as Server from "../../src/server/Server.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { type Host, sessionFor } from "../../src/server/sessionFor.js"
import * as Sessions from "../../src/server/Sessions.js"
import { Peer } from "./Peer.js"

const error = new RequestError({ reason: "ProtocolError", status: 400, description: "a window of no stream" })

describe("what a session refuses is logged and counted", () => {
  it.scoped.each<readonly [string, Refused["line"], ReadonlyArray<string>]>([
    ["a request, which has a record", "GET /", ["GET /: ProtocolError"]],
    ["a fault of the connection, which has none", undefined, []]
  ])("%s", ([, line, expected]) =>
    Effect.gen(function*() {
      const lines: Array<string> = []
      const records: Array<string> = []
      const made: Array<readonly [Session, Host]> = []
      const sessions = yield* Sessions.make(() => undefined, (id, transport, host, share) => {
        const session = sessionFor(id, transport, host, share)
        made.push([session, host])
        return session
      }).pipe(Effect.provide(Layer.mergeAll(
        Server.layerServices,
        ServerConfig.layer({}),
        AccessLog.layerFunction(({ refused, requestLine }) => void records.push(`${requestLine}: ${refused?.reason}`)),
        Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void lines.push(String(message)))),
        Logger.minimumLogLevel(LogLevel.Info)
      )))
      sessions.connections.admit(new Peer())
      assert.lengthOf(made, 1)
      const [[session, host]] = made
      host.refused(session.peer, { error, line, bodyBytes: 0, wireBytes: 9, since: undefined })
      assert.deepStrictEqual(records, expected)
      assert.deepStrictEqual(lines, [`refused (${session.peer.name}) ProtocolError: a window of no stream`])
      const { refused, responseBytes } = sessions.counters.metrics({ idle: 0, active: 1, waiting: 0 })
      assert.deepStrictEqual([refused, responseBytes], [{ ProtocolError: 1 }, 9])
      session.abort("Stopped")
    }))
})
