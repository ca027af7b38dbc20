/** The Effect door for everyDoor.ts, with each kind of app. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { CloseEvent } from "@effect/platform/Socket"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { identity } from "effect/Function"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Runtime from "effect/Runtime"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { InterimError } from "tsgi"
import { InterimResponses, Posthooks, TsgiHttpServer } from "tsgi/effect"
import { stop as stopServer } from "../../src/platform/serving.js"
import { exitName, type Handler, kinds, nothingSeen, open } from "../platform/scene.js"
import { gate } from "../utils/gate.js"
import type { Journal } from "../utils/Journal.js"
import { type Body, type Call, disposable, type Head, type Part, type Script, type Serve } from "./door.js"

type Given = HttpServerRequest.HttpServerRequest | Scope.Scope

/** Errors that an application at the Effect door must handle, and that one at the plain door does not see. */
const impossible = new Set(["Unsupported", "TooLate"])

/** Takes the connection over, and closes it. Ends when the client has closed its side, too. */
const takeOver = (taken: () => void) =>
  Effect.gen(function*() {
    const socket = yield* HttpServerRequest.upgrade
    const write = yield* socket.writer
    const close = Effect.zipRight(Effect.sync(taken), write(new CloseEvent(1000)))
    yield* socket.runRaw(() => undefined, { onOpen: Effect.ignore(close) })
  }).pipe(Effect.scoped)

const closeSocket = Effect.flatMap(Effect.orDie(TsgiHttpServer.socketScope), (scope) => Scope.close(scope, Exit.void))

/** The parts that an application writes before it returns, and then those that it returns. What is written later is dropped. */
class Written {
  private controller: ReadableStreamDefaultController<Part> | undefined
  private iterator: AsyncIterator<Part> | undefined
  readonly body: ReadableStream<Part>

  constructor(private readonly returned: Promise<Body>, letGo: () => void) {
    this.body = new ReadableStream<Part>({
      start: (controller) => {
        this.controller = controller
      },
      pull: (controller) => this.pull(controller),
      cancel: async () => {
        letGo()
        this.controller = undefined
        await this.iterator?.return?.()
      }
    })
  }

  write(part: Part): void {
    this.controller?.enqueue(part)
  }

  private async pull(controller: ReadableStreamDefaultController<Part>): Promise<void> {
    try {
      this.iterator ??= partsOf(await this.returned)[Symbol.asyncIterator]()
      const next = await this.iterator.next()
      if (next.done !== true) return controller.enqueue(next.value)
      this.controller = undefined
      controller.close()
    } catch (error) {
      this.controller = undefined
      throw error
    }
  }
}

async function* partsOf(body: Body): AsyncGenerator<Part> {
  if (typeof body === "string" || body instanceof Uint8Array) yield body
  else yield* body
}

const isAsync = (body: Iterable<Part> | AsyncIterable<Part>): body is AsyncIterable<Part> =>
  Symbol.asyncIterator in body

/** The iterable, whose end from outside is told before it is waited for. */
const telling = (body: AsyncIterable<Part>, letGo: () => void): AsyncIterable<Part> => ({
  [Symbol.asyncIterator]: () => {
    const iterator = body[Symbol.asyncIterator]()
    return {
      next: () => iterator.next(),
      return: async () => {
        letGo()
        return await iterator.return?.() ?? { done: true, value: undefined }
      }
    }
  }
})

/** The iterable part by part, returned at its end. */
const streamOfIterator = (body: Iterable<Part>): Stream.Stream<Part> =>
  Stream.acquireRelease(
    Effect.sync(() => body[Symbol.iterator]()),
    (iterator) => Effect.sync(() => iterator.return?.())
  ).pipe(
    Stream.flatMap((iterator) =>
      Stream.repeatEffectOption(Effect.suspend(() => {
        const next = iterator.next()
        return next.done === true ? Effect.fail(Option.none()) : Effect.succeed(next.value)
      }))
    )
  )

const streamOf = (
  body: Iterable<Part> | AsyncIterable<Part>,
  letGo: () => void
): Stream.Stream<Uint8Array, unknown> => {
  const parts: Stream.Stream<Part, unknown> = isAsync(body)
    ? Stream.fromAsyncIterable(telling(body, letGo), (error) => error)
    : Array.isArray(body)
    ? Stream.fromIterable(body)
    : streamOfIterator(body)
  return Stream.map(parts, (part) => typeof part === "string" ? Buffer.from(part) : part)
}

const responseOf = (
  body: Body,
  { contentType = "text/plain", fields = [], length, status = 200 }: Head,
  raw: boolean,
  letGo: () => void
): HttpServerResponse.HttpServerResponse => {
  const headers = fields
  if (typeof body === "string") return HttpServerResponse.text(body, { contentType, headers, status })
  if (body instanceof Uint8Array) return HttpServerResponse.uint8Array(body, { contentType, headers, status })
  if (Array.isArray(body) && body.length === 0) return HttpServerResponse.empty({ headers, status })
  const options = { contentType, contentLength: length, headers, status }
  return raw || body instanceof ReadableStream
    ? HttpServerResponse.raw(body, options)
    : HttpServerResponse.stream(streamOf(body, letGo), options)
}

/** One call of an application. */
class Calling {
  private readonly interrupted = new AbortController()
  private readonly begun = gate<Body>()
  private head: Head = {}
  private written: Written | undefined
  private returned: Promise<Body> | undefined

  constructor(
    private readonly runtime: Runtime.Runtime<Given>,
    private readonly journal: Journal<string>
  ) {}

  /** Runs a script, which begins at once, until it returns or has written. */
  run(script: Script): Promise<Body> {
    let begin: (body: Promise<Body>) => void = () => undefined
    const returned = this.returned = new Promise<Body>((resolve) => {
      begin = resolve
    })
    begin((async () => script(this.call))())
    return Promise.race([returned, this.begun.opened])
  }

  readonly interrupt = (): void => this.interrupted.abort()

  response(body: Body, raw: boolean): HttpServerResponse.HttpServerResponse {
    return responseOf(body, this.head, raw, this.interrupt)
  }

  private write(part: string): void {
    if (this.written === undefined && this.returned !== undefined) {
      this.written = new Written(this.returned, this.interrupt)
      this.begun.open(this.written.body)
    }
    this.written?.write(part)
  }

  private get call(): Call {
    const { interrupted, journal, runtime } = this
    const run = Runtime.runSync(runtime)
    const send = (sent: Effect.Effect<void, InterimError, HttpServerRequest.HttpServerRequest>): void => {
      const error = run(Effect.match(sent, { onFailure: (error) => error, onSuccess: () => undefined }))
      if (error !== undefined && !impossible.has(error.reason)) throw error
    }
    return {
      note: (entry) => journal.push(entry),
      hook: (hook, options) =>
        run(Effect.orDie(Posthooks.add((outcome) => Effect.promise(async () => hook(outcome)), options))),
      read: async () => {
        const exit = await Runtime.runPromiseExit(runtime)(
          Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text)
        )
        if (Exit.isSuccess(exit)) return exit.value
        throw Cause.squash(exit.cause)
      },
      interim: (status, fields) => send(InterimResponses.send(status, fields)),
      continueFields: (fields) => send(InterimResponses.setContinueHeaders(fields)),
      signal: interrupted.signal,
      finalizer: (finalizer) =>
        run(Effect.addFinalizer((exit) =>
          Effect.suspend(() => {
            const ended = finalizer(exitName(exit))
            return ended === undefined ? Effect.void : Effect.promise(() => ended)
          })
        )),
      head: (given) => {
        this.head = given
      },
      write: (part) => this.write(part),
      takeOver: () =>
        new Promise((resolve, reject) => void Runtime.runPromise(runtime)(takeOver(resolve)).catch(reject)),
      closeSocket: () => run(closeSocket)
    }
  }
}

const handle = (script: Script, journal: Journal<string>, raw: boolean, runsOn: boolean): Handler =>
  Effect.flatMap(Effect.runtime<Given>(), (runtime) => {
    const calling = new Calling(runtime, journal)
    const work = Effect.promise((signal) => {
      signal.addEventListener("abort", calling.interrupt)
      return calling.run(script)
    })
    return Effect.map(work, (body) => calling.response(body, raw)).pipe(
      runsOn ? TsgiHttpServer.keepRunning : identity
    )
  })

export const effect = (kind: string): Serve =>
async (
  script,
  {
    gathersNothing: _,
    interimResponses,
    onlyHttp10 = false,
    raw = false,
    runsOn = false,
    sockets = false,
    tls,
    ...options
  } = {}
) => {
  const seen = nothingSeen()
  const lines: Array<string> = []
  const scene = await open(kinds[kind](handle(script, seen.events, raw, runsOn)), seen, {
    memory: !sockets && tls === undefined,
    tls,
    config: { halfClose: "answer", fieldCase: "title", maxMinorVersion: onlyHttp10 ? 0 : 1, ...options },
    around: Logger.add(Logger.map(Logger.stringLogger, (line) => void lines.push(line))),
    services: interimResponses === undefined
      ? undefined
      : Layer.succeed(InterimResponses.InterimResponses, interimResponses)
  })
  return disposable({
    journal: seen.events,
    records: seen.records,
    lines,
    connect: scene.connect,
    stop: async (options) => {
      if (options !== undefined) await Effect.runPromise(stopServer(scene.server, options))
      await scene.stop()
      // a second stop gives the report of the first
      return Effect.runPromise(Effect.flatMap(stopServer(scene.server, {}), Effect.fromNullable))
    }
  })
}
