/** One application behind every door: plain TypeScript, and each kind of Effect app. Clients are in memory, or on sockets. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Runtime from "effect/Runtime"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type { InterimError } from "tsgi"
import {
  type AccessRecord,
  type Environ,
  listen,
  type Outcome,
  server,
  type ServerOptions,
  type StopReport
} from "tsgi"
import { InterimResponses, Posthooks } from "tsgi/effect"
import { MemoryListener, type WireClient } from "tsgi/testing"
import { stop as stopServer } from "../../src/platform/serving.js"
import { exitName, type Handler, kinds, nothingSeen, open, someKinds } from "../platform/scene.js"
import { Journal } from "../utils/Journal.js"
import { connect } from "../utils/sockets.js"

/** A hook. If it returns a promise, that is awaited; if it throws or rejects, it has failed. */
export type Hook = (outcome: Outcome | undefined) => unknown

export type Fields = ReadonlyArray<readonly [string, string]>

/** What an application may do at every door. */
export interface Call {
  readonly note: (entry: string) => void
  readonly hook: (hook: Hook, options?: { readonly detached: boolean }) => void
  /** The whole body. */
  readonly read: () => Promise<string>
  /** Sends an interim response. One that this client cannot get is left out; for one that can never be sent it throws. */
  readonly interim: (status: number, fields?: Fields) => void
  /** Sets fields of the 100 that the first read sends. */
  readonly continueFields: (fields: Fields) => void
  /** Aborted when the application is interrupted at its work. */
  readonly signal: AbortSignal
  /**
   * Adds a finalizer to the request's scope, which is given the name of the exit. Does nothing at a door without such a scope.
   */
  readonly finalizer: (finalizer: (exit: string) => void) => void
  /** Sets the Content-Type of the answer. Default `text/plain`. */
  readonly contentType: (type: string) => void
}

/** An application: it returns the body of a 200, or fails. */
export type Script = (call: Call) => Body | Promise<Body>

export type Body = string | Uint8Array | AsyncIterable<Uint8Array>

export interface Options extends Pick<ServerOptions, "parser" | "rates" | "timeouts"> {
  /** Default "answer", at the Effect door too. */
  readonly halfClose?: "answer" | "abort"
  /** With `true`, answers are in HTTP/1.0, whatever the client speaks. */
  readonly onlyHttp10?: boolean
  /** A service for interim responses in place of the default one, at the Effect door only. */
  readonly interimResponses?: Context.Tag.Service<InterimResponses.InterimResponses>
  /** Clients on sockets instead of in memory. */
  readonly sockets?: boolean
}

export interface Served extends AsyncDisposable {
  /** The notes of the application, and `log` with the status for each line of the access log. */
  readonly journal: Journal<string>
  readonly records: Journal<AccessRecord>
  /** All other lines of the log; at the Effect door those of `Logger.stringLogger`. */
  readonly lines: ReadonlyArray<string>
  /** The first client; `connect` makes others. All of them are closed at the end. */
  readonly client: WireClient
  readonly connect: () => Promise<WireClient>
  readonly stop: () => Promise<StopReport>
}

export type Serve = (script: Script, options?: Options) => Promise<Served>

/** Errors that an application at the Effect door must handle, and that one at the plain door does not see. */
const impossible = new Set(["Unsupported", "TooLate"])

const disposable = async (served: Omit<Served, "client" | typeof Symbol.asyncDispose>): Promise<Served> => {
  const clients: Array<WireClient> = []
  const connect = async (): Promise<WireClient> => {
    const client = await served.connect()
    clients.push(client)
    return client
  }
  return {
    ...served,
    connect,
    client: await connect(),
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close()
      await served.stop()
    }
  }
}

const ofEnviron = (env: Environ, journal: Journal<string>, contentType: (type: string) => void): Call => ({
  note: (entry) => journal.push(entry),
  hook: (hook, options) =>
    env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => hook(outcome), [], undefined, options]),
  read: async () => (await env["wsgi.input"].read()).toString(),
  interim: (status, fields) => env["tsgi.interim"](status, fields),
  continueFields: (fields) => env["wsgi.input"].setHundredContinueResponseHeaders(fields),
  signal: env["tsgi.signal"],
  finalizer: () => undefined,
  contentType
})

const plain: Serve = async (script, { onlyHttp10 = false, sockets = false, ...options } = {}) => {
  const journal = new Journal<string>()
  const records = new Journal<AccessRecord>()
  const lines: Array<string> = []
  const memory = MemoryListener.make()
  const running = server(sockets ? listen() : memory.listener, async (env, startResponse) => {
    let contentType = "text/plain"
    const body = await script(ofEnviron(env, journal, (type) => {
      contentType = type
    }))
    startResponse("200 OK", [["Content-Type", contentType]])
    return body
  }, {
    ...options,
    maxHttpVersion: onlyHttp10 ? "HTTP/1.0" : "HTTP/1.1",
    log: (line) => {
      if (line !== "") lines.push(line)
    },
    logFormat: (record) => {
      records.push(record)
      journal.push(`log ${record.status}`)
      return ""
    }
  })
  const address = await running.ready
  const connectTo = async () => sockets ? connect(address) : memory.connect()
  return disposable({ journal, records, lines, connect: connectTo, stop: () => running.stop() })
}

type Given = HttpServerRequest.HttpServerRequest | Scope.Scope

const ofRuntime = (
  runtime: Runtime.Runtime<Given>,
  journal: Journal<string>,
  signal: AbortSignal,
  contentType: (type: string) => void
): Call => {
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
    signal,
    finalizer: (finalizer) => run(Effect.addFinalizer((exit) => Effect.sync(() => finalizer(exitName(exit))))),
    contentType
  }
}

const responseOf = (body: Body, contentType: string): HttpServerResponse.HttpServerResponse => {
  if (typeof body === "string") return HttpServerResponse.text(body, { contentType })
  if (body instanceof Uint8Array) return HttpServerResponse.uint8Array(body, { contentType })
  return HttpServerResponse.stream(Stream.fromAsyncIterable(body, (error) => error), { contentType })
}

const effect = (kind: string): Serve =>
async (
  script,
  { interimResponses, onlyHttp10 = false, sockets = false, ...options } = {}
) => {
  const seen = nothingSeen()
  const lines: Array<string> = []
  const handler: Handler = Effect.flatMap(
    Effect.runtime<Given>(),
    (runtime) => {
      let contentType = "text/plain"
      const call = (signal: AbortSignal) =>
        ofRuntime(runtime, seen.events, signal, (type) => {
          contentType = type
        })
      return Effect.map(
        Effect.promise(async (signal) => script(call(signal))),
        (body) => responseOf(body, contentType)
      )
    }
  )
  const scene = await open(kinds[kind](handler), seen, {
    memory: !sockets,
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
    stop: async () => {
      await scene.stop()
      // a second stop gives the report of the first
      return Effect.runPromise(Effect.flatMap(stopServer(scene.server, {}), Effect.fromNullable))
    }
  })
}

/** The name of a door, and the function that serves there until its result is disposed. */
type Door = readonly [name: string, serve: Serve]

const doors = (kinds: ReadonlyArray<string>): ReadonlyArray<Door> => [
  ["plain TypeScript", plain],
  ...kinds.map((kind): Door => [kind, effect(kind)])
]

export const everyDoor = doors(Object.keys(kinds))

/** The doors at which services can be replaced. */
export const everyEffectDoor = everyDoor.slice(1)

/** For tests on sockets, which take longer: plain TypeScript and some kinds of Effect app, with RUNS all. */
export const someDoors = doors(someKinds)

/** The notes of requests' scopes, at the doors that have them. */
export const scoped = (door: string, exit: string): ReadonlyArray<string> =>
  door === "plain TypeScript" ? [] : [`scope ${exit}`]
