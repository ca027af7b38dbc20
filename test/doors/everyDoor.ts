/** One application behind every door: plain TypeScript, and each kind of Effect app. Clients are in memory. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Runtime from "effect/Runtime"
import type { InterimError } from "tsgi"
import { type AccessRecord, type Environ, type Outcome, server, type ServerOptions } from "tsgi"
import { InterimResponses, Posthooks } from "tsgi/effect"
import { MemoryListener, type WireClient } from "tsgi/testing"
import { type Handler, kinds, nothingSeen, open } from "../platform/scene.js"
import { Journal } from "../utils/Journal.js"

/** A promise that it returns is awaited; what it throws or rejects with is its failure. */
export type Hook = (outcome: Outcome | undefined) => unknown

export type Fields = ReadonlyArray<readonly [string, string]>

/** What an application may do, whatever door it is behind. */
export interface Call {
  readonly note: (entry: string) => void
  readonly hook: (hook: Hook, options?: { readonly detached: boolean }) => void
  /** The whole body. */
  readonly read: () => Promise<string>
  /** Sends one. What is not possible for this client is left out; what can never be sent is thrown. */
  readonly interim: (status: number, fields?: Fields) => void
  /** Sets fields of the 100 that the first read sends. */
  readonly continueFields: (fields: Fields) => void
}

/** Gives the body of a 200, or fails. */
export type Script = (call: Call) => string | Promise<string>

export interface Options {
  readonly timeouts?: ServerOptions["timeouts"]
}

export interface Served extends AsyncDisposable {
  /** What the application noted, and `log` with the status for each line of the access log. */
  readonly journal: Journal<string>
  readonly records: Journal<AccessRecord>
  /** All other lines of the log. */
  readonly lines: ReadonlyArray<string>
  readonly client: WireClient
  readonly stop: () => Promise<unknown>
}

type Serve = (script: Script, options?: Options) => Promise<Served>

/** Errors that an application at the Effect door has to handle, and one at the plain door does not see. */
const impossible = new Set(["Unsupported", "TooLate"])

const disposable = (served: Omit<Served, typeof Symbol.asyncDispose>): Served => ({
  ...served,
  [Symbol.asyncDispose]: async () => {
    served.client.close()
    await served.stop()
  }
})

const ofEnviron = (env: Environ, journal: Journal<string>): Call => ({
  note: (entry) => journal.push(entry),
  hook: (hook, options) =>
    env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => hook(outcome), [], undefined, options]),
  read: async () => (await env["wsgi.input"].read()).toString(),
  interim: (status, fields) => env["tsgi.interim"](status, fields),
  continueFields: (fields) => env["wsgi.input"].setHundredContinueResponseHeaders(fields)
})

const plain: Serve = async (script, options) => {
  const journal = new Journal<string>()
  const records = new Journal<AccessRecord>()
  const lines: Array<string> = []
  const memory = MemoryListener.make()
  const running = server(memory.listener, async (env, startResponse) => {
    const body = await script(ofEnviron(env, journal))
    startResponse("200 OK", [["Content-Type", "text/plain"]])
    return body
  }, {
    ...options,
    log: (line) => {
      if (line !== "") lines.push(line)
    },
    logFormat: (record) => {
      records.push(record)
      journal.push(`log ${record.status}`)
      return ""
    }
  })
  await running.ready
  return disposable({ journal, records, lines, client: memory.connect(), stop: () => running.stop() })
}

const ofRuntime = (runtime: Runtime.Runtime<HttpServerRequest.HttpServerRequest>, journal: Journal<string>): Call => {
  const run = Runtime.runSync(runtime)
  const send = (sent: Effect.Effect<void, InterimError, HttpServerRequest.HttpServerRequest>): void => {
    const error = run(Effect.match(sent, { onFailure: (error) => error, onSuccess: () => undefined }))
    if (error !== undefined && !impossible.has(error.reason)) throw error
  }
  return {
    note: (entry) => journal.push(entry),
    hook: (hook, options) =>
      run(Effect.orDie(Posthooks.add((outcome) => Effect.promise(async () => hook(outcome)), options))),
    read: () => Runtime.runPromise(runtime)(Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ text }) => text)),
    interim: (status, fields) => send(InterimResponses.send(status, fields)),
    continueFields: (fields) => send(InterimResponses.setContinueHeaders(fields))
  }
}

const effect = (kind: string): Serve => async (script, options) => {
  const seen = nothingSeen()
  const handler: Handler = Effect.flatMap(
    Effect.runtime<HttpServerRequest.HttpServerRequest>(),
    (runtime) =>
      Effect.map(
        Effect.promise(async () => script(ofRuntime(runtime, seen.events))),
        (body) => HttpServerResponse.text(body)
      )
  )
  const scene = await open(kinds[kind](handler), seen, {
    memory: true,
    config: { ...options, halfClose: "answer", fieldCase: "title" }
  })
  return disposable({
    journal: seen.events,
    records: seen.records,
    lines: seen.lines.entries,
    client: await scene.connect(),
    stop: scene.stop
  })
}

/** Every door by its name, and how to serve there for as long as what is given back is in use. */
export const everyDoor: ReadonlyArray<readonly [name: string, serve: Serve]> = [
  ["plain TypeScript", plain],
  ...Object.keys(kinds).map((kind) => [kind, effect(kind)] as const)
]
