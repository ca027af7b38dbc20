/** A server, one client, an application that tells when it works, and the record of its end. */
import {
  type AccessRecord,
  type App,
  type Environ,
  listen,
  type Outcome,
  server,
  type ServerOptions,
  type TlsOptions,
  wrapTls
} from "tsgi"
import type { WireClient } from "tsgi/testing"
import { gate } from "../utils/gate.js"
import { holdings } from "../utils/holdings.js"
import { connect, connectTls } from "../utils/sockets.js"

/** The gates that the application and the test share. */
export class Stage {
  /** Opens when the application works. */
  readonly working = gate()
  /** Opens when the application may go on. */
  readonly go = gate()
  /** How many times the application's iterator was closed, by its end or from outside. */
  closed = 0

  /** The wait of the application, which ends when the test says so, or the exchange is aborted. */
  async wait(env: Environ): Promise<void> {
    this.working.open()
    const signal = env["tsgi.signal"]
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener("abort", () => resolve(), { once: true })
    })
    await Promise.race([this.go.opened, aborted])
  }
}

/** The calls of hooks and of the log, in order. */
export interface Seen {
  readonly events: Array<string>
  readonly outcomes: Array<Outcome | undefined>
  readonly records: Array<AccessRecord>
  readonly lines: Array<string>
}

export const registered = ["first", "second", "third", "access"]

/** Three hooks, the middle one asynchronous. */
const addHooks = (env: Environ, seen: Seen): void => {
  const note = (name: string): void => {
    seen.events.push(name)
    seen.outcomes.push(env["tsgi.outcome"])
  }
  env["eventlet.posthooks"].push(
    [() => note("first")],
    [async () => {
      await new Promise((resolve) => setImmediate(resolve))
      note("second")
    }]
  )
  env["eventlet.posthooks"].push([(_, name: string) => note(name), ["third"]])
}

export interface Scene {
  readonly client: WireClient
  readonly stage: Stage
  readonly seen: Seen
  readonly running: ReturnType<typeof server>
  /** Resolves when the exchange's access-log line was written. */
  readonly logged: Promise<void>
  readonly before: ReturnType<typeof holdings>
}

/** Starts the server and connects. Requests for `/again` are answered without hooks. */
export const open = async (
  makeApp: (stage: Stage) => App,
  options: ServerOptions,
  tls: TlsOptions | undefined
): Promise<Scene> => {
  const before = holdings()
  const stage = new Stage()
  const seen: Seen = { events: [], outcomes: [], records: [], lines: [] }
  const logged = gate()
  const app = makeApp(stage)
  const running = server(
    tls === undefined ? listen() : wrapTls(listen(), tls),
    (env, startResponse) => {
      if (env.PATH_INFO === "/again") {
        startResponse("200 OK", [])
        return "again"
      }
      addHooks(env, seen)
      return app(env, startResponse)
    },
    {
      log: (line) => void seen.lines.push(line),
      logFormat: (record) => {
        if (record.request?.target !== "/again") {
          seen.events.push("access")
          seen.records.push(record)
          logged.open()
        }
        return "access"
      },
      ...options
    }
  )
  const client = await (tls === undefined ? connect : connectTls)(await running.ready)
  return { client, stage, seen, running, logged: logged.opened, before }
}
