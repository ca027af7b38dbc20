/**
 * Logs cannot be forged at the Effect door, with any logger: the text of failures that the server logs, such as those of hooks,
 * and of what programs log with a safe logger, begins no line of its own, and no byte of it controls a terminal. Failures with
 * harmless text reach a logger unchanged. doors/ForgedLog.test.ts has what holds over every door.
 */
import { type HttpApp, HttpMiddleware, HttpServer, HttpServerResponse } from "@effect/platform"
import * as Cause from "effect/Cause"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Record from "effect/Record"
import type * as Scope from "effect/Scope"
import * as fc from "fast-check"
import { AccessLog, MemoryListener, Posthooks, SafeLogger, TsgiHttpServer } from "tsgi/effect"
import { describe, expect, it, vi } from "vitest"
import { loggable } from "../../src/server/FailureText.js"
import { effectEntriesOf, expectHarmless, hostile } from "../utils/hostile.js"
import { get } from "../utils/requests.js"
import { runs } from "../utils/runs.js"

/** Serves one request, and returns all outputs of a logger. */
const outputs = <A>(
  logger: Logger.Logger<unknown, A>,
  handler: Handler,
  above: Layer.Layer<never> = Layer.empty
): Promise<ReadonlyArray<A>> => {
  const lines: Array<A> = []
  const listening = MemoryListener.layer()
  const server = HttpServer.serve(handler).pipe(
    Layer.provide(TsgiHttpServer.layerWith()),
    Layer.provide(TsgiHttpServer.layerServices),
    Layer.provideMerge(listening),
    Layer.provide(above),
    Layer.provide(Logger.replace(Logger.defaultLogger, Logger.map(logger, (line) => void lines.push(line))))
  )
  return Effect.runPromise(
    Effect.gen(function*() {
      const { connect } = yield* MemoryListener.MemoryListener
      const client = yield* connect()
      client.send(get("/path?token=secret", "Connection: close"))
      yield* Effect.promise(() => client.response())
    }).pipe(Effect.scoped, Effect.provide(server))
  ).then(() => lines)
}

type Handler = HttpApp.Default<unknown, Scope.Scope>

class Tagged extends Data.TaggedError("Tagged")<{ readonly message: string }> {}

const named = (name: string): Error => Object.assign(new Error("it failed"), { name })

const failures: Readonly<Record<string, (words: string) => Effect.Effect<never, unknown>>> = {
  "an error's message": (words) => Effect.fail(new Error(words)),
  "its cause's": (words) => Effect.die(new Error("it failed", { cause: new Error("so did it", { cause: words }) })),
  "its name": (words) => Effect.fail(named(words)),
  "a tagged error's": (words) => Effect.fail(new Tagged({ message: words })),
  "the words themselves": (words) => Effect.fail(words),
  "what has a text": (words) => Effect.die({ toString: () => words }),
  "a property": (words) => Effect.fail({ words }),
  "a span's name": (words) => Effect.fail(new Error("it failed")).pipe(Effect.withSpan(words)),
  "several at once": (words) => Effect.failCause(Cause.parallel(Cause.fail(words), Cause.die(new Error(words))))
}

const ok = HttpServerResponse.empty()

/** Failures that the server itself logs, such as those of post hooks. */
const inHook = (failure: Effect.Effect<never, unknown>): Handler => Effect.as(Posthooks.add(() => failure), ok)

/** What programs log with a safe logger. */
const said: Readonly<Record<string, (words: string) => Handler>> = {
  ...Record.map(failures, (failure) => (words: string) => HttpMiddleware.logger(failure(words))),
  "a message": (words) => Effect.as(Effect.logInfo(words, "and", { words }, new Error(words)), ok),
  "a cause": (words) => Effect.as(Effect.logError("it failed", Cause.fail(words)), ok),
  "an annotation": (words) => Effect.as(Effect.logInfo("it is so"), ok).pipe(Effect.annotateLogs(`a${words}`, words)),
  "a log span": (words) => Effect.as(Effect.logInfo("it is so"), ok).pipe(Effect.withLogSpan(`a${words}`))
}

const sound = (lines: ReadonlyArray<string>): void => expectHarmless(lines, effectEntriesOf(lines))

const prettyLines = Logger.make<unknown, string>((options) => {
  const lines: Array<string> = []
  const log = vi.spyOn(console, "log").mockImplementation((...parts) => void lines.push(parts.join(" ")))
  Logger.prettyLogger({ colors: false, mode: "tty" }).log(options)
  log.mockRestore()
  // the console does this within a group
  return lines.join("\n").replaceAll("\n", "\n  ")
})

describe("whatever a failure says", () => {
  const loggers: Readonly<Record<string, Logger.Logger<unknown, string>>> = {
    stringLogger: Logger.stringLogger,
    logfmtLogger: Logger.logfmtLogger,
    jsonLogger: Logger.jsonLogger,
    prettyLogger: prettyLines
  }
  for (const [name, logger] of Object.entries(loggers)) {
    it.each(Object.entries(failures))(`${name}: %s, told by the server`, async (_, failure) => {
      await fc.assert(
        fc.asyncProperty(hostile, async (words) => {
          sound(await outputs(logger, inHook(failure(words))))
        }),
        runs(1)
      )
    })

    it.each(Object.entries(said))(`${name}: %s, told by the program`, async (_, handler) => {
      await fc.assert(
        fc.asyncProperty(hostile, async (words) => {
          sound(await outputs(logger, handler(words), SafeLogger.layer))
        }),
        runs(1)
      )
    })
  }
})

it("a line of the access log stays one, where tabs may hold fields apart", () => {
  const lines: Array<string> = []
  const log = AccessLog.lines(() => "one\t\nforged \u001b[31m", (line) => lines.push(line))
  Reflect.apply(log.write ?? expect.fail, undefined, [{}])
  expect(lines).toEqual(["one\t\n  forged \\u001b[31m"])
})

it("the line says whom and what it is about", async () => {
  const [line] = await outputs(Logger.stringLogger, inHook(Effect.fail(new Error("it failed"))))
  expect(line).toMatch(/message="a post hook failed \(127\.0\.0\.1:\d+, GET \/path\)" cause="Error: it failed\n {4}at /)
  expect(line).not.toContain("secret")
})

it("a failure whose text is harmless reaches the logger itself", async () => {
  const failure = new Tagged({ message: "größer 😀 C:\\path" })
  const wrapped = new Error("it failed", { cause: failure })
  for (const error of [failure, wrapped]) {
    const [cause] = await outputs(Logger.make(({ cause }) => cause), inHook(Effect.fail(error)))
    expect(Cause.originalError(Cause.squash(cause)) === error).toBe(true)
  }
})

it("what stands in for another says the same", () => {
  const cause = Cause.fail(new Tagged({ message: "one\n127.0.0.1 - - [\u001b" }))
  const shown = Cause.prettyErrors(loggable(cause))
  expect(shown).toHaveLength(1)
  expect(shown[0].name).toBe("Tagged")
  expect(shown[0].message).toBe("one")
  expect(shown[0].stack).toMatch(/^Tagged: one\n {2}127\.0\.0\.1 - - \[\\u001b\n {4}at /)
  // a second rendering gives the same
  expect(Cause.pretty(loggable(loggable(cause)))).toBe(shown[0].stack)
})
