/** A server on memory, for hooks that are looked at one by one. */
import { type App, type Environ, type RunningServer, server, type ServerOptions } from "tsgi"
import { MemoryListener, type WireClient } from "tsgi/testing"
import { Journal } from "./Journal.js"

export interface Fixture {
  readonly client: WireClient
  readonly running: RunningServer
  /** What hooks, the application and the access log noted, in order. */
  readonly journal: Journal<string>
  /** All other lines of the log. */
  readonly lines: Array<string>
  /** Another connection. */
  readonly connect: () => WireClient
}

export const get = (path = "/"): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`

/** Serves for as long as `use` takes. The journal has an entry `access <status>` for each request. */
export const serving = async (
  app: (env: Environ, startResponse: Parameters<App>[1], journal: Journal<string>) => ReturnType<App>,
  use: (fixture: Fixture) => Promise<void>,
  options: ServerOptions = {}
): Promise<void> => {
  const journal = new Journal<string>()
  const lines: Array<string> = []
  const memory = MemoryListener.make()
  const running = server(memory.listener, (env, startResponse) => app(env, startResponse, journal), {
    log: (line) => {
      if (line !== "") lines.push(line)
    },
    logFormat: (record) => {
      journal.push(`access ${record.status}`)
      return ""
    },
    ...options
  })
  await running.ready
  const client = memory.connect()
  try {
    await use({ client, running, journal, lines, connect: () => memory.connect() })
  } finally {
    client.close()
    await running.stop({ grace: 0 })
  }
}
