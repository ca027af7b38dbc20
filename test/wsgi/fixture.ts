/** A server on a free port with its clients and its log, for the length of a test. */
import { type Address, type App, listen, type Listener, type RunningServer, server, type ServerOptions } from "tsgi"
import type { WireClient, WireResponse } from "tsgi/testing"
import { connect, connectTls } from "../utils/sockets.js"

/** What a server logged, and a way to wait for more. */
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
  readonly connect: () => Promise<WireClient>
  readonly connectTls: (options?: Parameters<typeof connectTls>[1]) => Promise<WireClient>
  /** Sends bytes on a connection of their own and reads one response. */
  readonly ask: (bytes: string | Uint8Array, method?: string) => Promise<WireResponse>
}

export interface Options extends ServerOptions {
  readonly listener?: Listener | undefined
}

/** Serves while `test` runs; then the clients are closed and the server is stopped. */
export const withServer = async (
  app: App,
  { listener = listen(), ...options }: Options,
  test: (served: Served) => Promise<void>
): Promise<void> => {
  const log = new Log()
  const clients: Array<WireClient> = []
  const running = server(listener, app, { log, ...options })
  const address = await running.ready
  const kept = async (connecting: Promise<WireClient>): Promise<WireClient> => {
    const client = await connecting
    clients.push(client)
    return client
  }
  const open = () => kept(connect(address))
  try {
    await test({
      address,
      running,
      log,
      connect: open,
      connectTls: (given) => kept(connectTls(address, given)),
      ask: async (bytes, method) => {
        const client = await open()
        client.send(bytes)
        return client.response(method)
      }
    })
  } finally {
    for (const client of clients) client.close()
    await running.stop({ grace: 0 })
  }
}

/** A head: its lines, and the empty one behind them. */
export const head = (...lines: ReadonlyArray<string>): string => `${lines.join("\r\n")}\r\n\r\n`

/** An HTTP/1.1 GET with Host. */
export const get = (path: string, ...fields: ReadonlyArray<string>): string =>
  head(`GET ${path} HTTP/1.1`, "Host: localhost", ...fields)

/** A chunked body, its end included. */
export const chunked = (parts: ReadonlyArray<string>, extension = ""): string =>
  [...parts, ""].map((part) => `${part.length.toString(16)}${extension}\r\n${part}\r\n`).join("")

export const plain: ReadonlyArray<readonly [string, string]> = [["Content-Type", "text/plain"]]

/** Greets everybody, except at `/notexist`. */
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
