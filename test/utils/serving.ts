/** A server for the length of a test, on a free port or in memory. */
import {
  type AccessRecord,
  type Address,
  type App,
  listen,
  type Listener,
  type RunningServer,
  server,
  type ServerOptions
} from "tsgi"
import { MemoryListener, type WireClient, type WireResponse } from "tsgi/testing"
import { Journal } from "./Journal.js"
import { connect, connectTls } from "./sockets.js"

/** The lines that a server has logged, and a way to wait for more. */
export class Log {
  readonly lines: Array<string> = []
  readonly debugLines: Array<string> = []
  private readonly waiting: Array<() => void> = []

  readonly info = (line: string): void => this.add(this.lines, line)
  readonly debug = (line: string): void => this.add(this.debugLines, line)

  /** The first line that matches, when it has been written. */
  until(pattern: RegExp): Promise<string> {
    return this.firstIn(this.lines, pattern)
  }

  untilDebug(pattern: RegExp): Promise<string> {
    return this.firstIn(this.debugLines, pattern)
  }

  /** The access-log lines. */
  get access(): ReadonlyArray<string> {
    return this.lines.filter((line) => / - - \[/.test(line))
  }

  get text(): string {
    return [...this.lines, ...this.debugLines].join("\n")
  }

  private add(to: Array<string>, line: string): void {
    if (line === "") return
    to.push(line)
    for (const wake of this.waiting.splice(0)) wake()
  }

  private async firstIn(lines: ReadonlyArray<string>, pattern: RegExp): Promise<string> {
    while (true) {
      const found = lines.find((line) => pattern.test(line))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }
}

export interface Served {
  readonly address: Address
  readonly running: RunningServer
  readonly log: Log
  /** The notes of the application and its hooks, and with `noteAccess` `access <status>` for each request, in order. */
  readonly journal: Journal<string>
  /** With `noteAccess` the record of each request, in order. */
  readonly records: Journal<AccessRecord>
  readonly connect: () => Promise<WireClient>
  readonly connectTls: (options?: Parameters<typeof connectTls>[1]) => Promise<WireClient>
  /** Sends bytes on a connection of its own, and reads one response. */
  readonly ask: (bytes: string | Uint8Array, method?: string) => Promise<WireResponse>
}

export interface Options extends ServerOptions {
  readonly listener?: Listener | undefined
  /** With `true`, clients are in memory. */
  readonly memory?: boolean
  /** With `true`, the journal and the records are filled in place of the access log. */
  readonly noteAccess?: boolean
}

/** An application that may note what it does. */
export type NotingApp = (...given: [...Parameters<App>, journal: Journal<string>]) => ReturnType<App>

/** Serves until it is disposed: then the clients are closed and the server is stopped. */
export const open = async (
  app: NotingApp,
  { listener = listen(), memory = false, noteAccess = false, ...options }: Options
): Promise<Served & AsyncDisposable> => {
  const log = new Log()
  const journal = new Journal<string>()
  const records = new Journal<AccessRecord>()
  const clients: Array<WireClient> = []
  const inMemory = memory ? MemoryListener.make() : undefined
  const running = server(inMemory?.listener ?? listener, (env, startResponse) => app(env, startResponse, journal), {
    log,
    ...noteAccess && {
      logFormat: (record) => {
        records.push(record)
        journal.push(`access ${record.status}`)
        return ""
      }
    },
    ...options
  })
  const address = await running.ready
  const kept = async (connecting: WireClient | Promise<WireClient>): Promise<WireClient> => {
    const client = await connecting
    clients.push(client)
    return client
  }
  const connectTo = () => kept(inMemory?.connect() ?? connect(address))
  return {
    address,
    running,
    log,
    journal,
    records,
    connect: connectTo,
    connectTls: (given) => kept(connectTls(address, given)),
    ask: async (bytes, method) => {
      const client = await connectTo()
      client.send(bytes)
      return client.response(method)
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of clients) client.close()
      await running.stop({ grace: 0 })
    }
  }
}

/** Serves while `test` runs. */
export const withServer = async (
  app: NotingApp,
  options: Options,
  test: (served: Served) => Promise<void>
): Promise<void> => {
  await using served = await open(app, options)
  await test(served)
}

export const plain: ReadonlyArray<readonly [string, string]> = [["Content-Type", "text/plain"]]

/** Greets each client, except at `/notexist`. */
export const hello: App = (env, startResponse) => {
  if (env.PATH_INFO === "/notexist") {
    startResponse("404 Not Found", plain)
    return "not found"
  }
  startResponse("200 OK", plain)
  return "hello world"
}

/** Answers with the body it was sent. */
export const echo: App = async (env, startResponse) => {
  const body = await env["wsgi.input"].read()
  startResponse("200 OK", plain)
  return body
}
