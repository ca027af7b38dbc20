/** Stopping with invalid options, in spite of a listener that fails, and in the time that containers have. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { type Listener, OptionError, server } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { longestFlush } from "../../src/node/LogFile.js"
import * as ServerConfig from "../../src/server/ServerConfig.js"
import { expectReleased, holdings } from "../utils/holdings.js"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"
import { serve } from "./engine.js"

const cases: ReadonlyArray<readonly [name: string, options: unknown, message: RegExp]> = [
  ["a text", { grace: "5s" }, /^grace: must be a number of milliseconds, 0 or more, or Infinity; it is "5s"$/],
  ["not a number", { grace: NaN }, /^grace: .*; it is NaN$/],
  ["less than nothing", { grace: -1 }, /^grace: .*; it is -1$/],
  ["null", { grace: null }, /^grace: .*; it is null$/],
  ["the number itself", 5000, /^options: must be an object, such as \{ grace: 5000 \}; it is 5000$/]
]

describe("an invalid grace", () => {
  it.each(cases)("stops nothing: %s", async (_, options, message) => {
    const before = holdings()
    const memory = MemoryListener.make()
    const running = server(memory.listener, hello, { logOutput: false })
    // this holds even before it is known whether the server starts
    for (let i = 0; i < 2; i++) {
      const error: unknown = await running.stop(options as never).catch((error: unknown) => error)
      if (!(error instanceof OptionError)) throw new Error(`not an OptionError: ${String(error)}`)
      expect(error.message).toMatch(message)
      await running.ready
    }
    const client = memory.connect()
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
    client.close()
    expect(await running.stop({ grace: 0 })).toEqual(await running.closed)
    await expectReleased(before)
  })

  it("is thrown by the engine's stop", () =>
    Effect.gen(function*() {
      const { running } = yield* serve(() => undefined)
      for (const [, options] of cases) expect(() => running.stop(options as never)).toThrow(OptionError)
      expect(yield* Effect.timeoutOption(running.draining, 10)).toEqual(Option.none())
    }).pipe(Effect.scoped, Effect.runPromise))

  it("is not one that is undefined", async () => {
    await withServer(hello, { memory: true }, async ({ running }) => {
      expect(await running.stop({ grace: undefined })).toMatchObject({ connections: 0 })
    })
  })
})

it("a listener that cannot be closed does not keep the connections from ending", async () => {
  const memory = MemoryListener.make()
  const broken: Listener & Pick<typeof memory.listener, "bind"> = {
    _tag: "Listener",
    bind: (acceptor, options) =>
      Effect.acquireRelease(
        memory.listener.bind(acceptor, options),
        () => Effect.die(new Error("the listener is broken"))
      )
  }
  await withServer(hello, { listener: broken }, async ({ log, running }) => {
    const client = memory.connect()
    client.send(get())
    await client.response()
    const reports = await Promise.all([running.stop(), running.stop({ grace: 0 }), running.closed])
    expect(reports).toEqual([reports[0], reports[0], reports[0]])
    expect(reports[0]).toMatchObject({ connections: 1, idle: 1 })
    await client.whenEnded()
    expect(await log.until(/could not be closed/)).toContain("the listener is broken")
  })
})

it("an engine that is stopped reports, however the stop ended", () =>
  Effect.gen(function*() {
    const { running } = yield* serve(() => undefined)
    const report = yield* running.stop({ grace: 0 })
    expect(yield* Effect.exit(running.stopped)).toEqual(Exit.succeed(report))
  }).pipe(Effect.scoped, Effect.runPromise))

it("by default a stop is over before Docker kills a container, 10 s after SIGTERM", () => {
  const { grace, hooks, interrupt, settle } = ServerConfig.defaults.timeouts
  expect(settle + grace + interrupt + hooks + longestFlush).toBeLessThanOrEqual(9500)
})
