/**
 * Sends requests to an application without a port, for tests.
 *
 * @since 0.2.0
 */
import { setImmediate } from "node:timers"
import type { Outcome } from "../exchange/Outcome.js"
import { checkOption, checkOptions, type Option, type OptionTable, refuseMore } from "../server/checkOptions.js"
import { anything, misplaced } from "../server/optionKinds.js"
import { kindOf } from "../server/OptionNames.js"
import { make as makeMemory } from "../testing/Memory.js"
import type { MemoryOptions } from "../testing/MemoryTransport.js"
import { bodyOf, hasBody } from "../testing/wireBody.js"
import { type WireClient, WireEnded, type WireHead } from "../testing/WireClient.js"
import type { App } from "./App.js"
import { checkApp } from "./checkApp.js"
import type { HeaderPairs } from "./HeaderPairs.js"
import { type ServerOptions, table as serverTable } from "./Options.js"
import { server } from "./server.js"

/**
 * The options of `fetch`, and those of the server and the connection.
 *
 * @since 0.2.0
 * @category models
 */
export interface TestRequestInit extends Omit<RequestInit, "headers"> {
  readonly headers?: HeaderPairs | Readonly<Record<string, string>> | undefined
  /** Trailer fields; the body is then sent chunked. */
  readonly trailers?: HeaderPairs | undefined
  /** Options of `server`. Nothing is logged without the option `log`. */
  readonly server?: ServerOptions | undefined
  /** Options of the connection: the peer's address, TLS, how its bytes are cut. */
  readonly connection?: MemoryOptions | undefined
}

/**
 * An interim response.
 *
 * @since 0.2.0
 * @category models
 */
export interface InterimResponse {
  readonly status: number
  readonly headers: Headers
}

/**
 * A Response, with facts that `fetch` does not give.
 *
 * @since 0.2.0
 * @category models
 */
export interface TestResponse extends Response {
  /** The interim responses that arrived before it, in order. */
  readonly interim: ReadonlyArray<InterimResponse>
  /** The trailer fields of a chunked body. The promise waits for the end of the body. */
  readonly trailers: Promise<Headers>
  /**
   * How the exchange ended, once its post hooks have run; `undefined` for a request that was refused before the application saw
   * it. Up to 1 MiB of a body is received even if it is not read.
   */
  readonly outcome: Promise<Outcome | undefined>
}

/**
 * Sends a request to an application, through a server of its own and a connection in memory. `input` is a URL, or a path, which
 * is sent as it is. With `Expect: 100-continue` the body is sent when the server asks for it. To cancel the response's body, or
 * to abort the signal, closes the connection, as a client that leaves does. It rejects with `WireEnded` if the connection ends
 * before the answer, and so do reads of a body that is cut off; the `cause` is the failure of the application, if it has failed.
 *
 * @example
 * ```ts
 * import type { App } from "tsgi"
 * import { request } from "tsgi/testing"
 *
 * declare const app: App
 *
 * const response = await request(app, "/upload", { method: "POST", body: "hello" })
 * console.log(response.status, await response.text(), (await response.outcome)?._tag)
 * ```
 *
 * @since 0.2.0
 * @category constructors
 */
export const request = async (
  app: App,
  input: string | URL,
  options: TestRequestInit = {},
  ...more: ReadonlyArray<never>
): Promise<TestResponse> => {
  checkApp(app)
  checkArguments(input, options, more)
  const { connection, headers: given, server: serverOptions, trailers, ...init } = options
  const scheme = connection?.tls === undefined ? "http" : "https"
  const url = new URL(input instanceof URL || !input.startsWith("/") ? input : `${scheme}://localhost${input}`)
  const asked = new Request(url, {
    ...init,
    ...(init.body === undefined || init.body === null ? {} : { duplex: "half" })
  })
  asked.signal.throwIfAborted()
  const headers = new Headers(given === undefined ? [] : pairsOf(given))
  for (const [name, value] of asked.headers) if (!headers.has(name)) headers.set(name, value)
  if (!headers.has("Host")) headers.set("Host", url.host)

  let ending: Outcome | undefined
  const memory = makeMemory(connection)
  const running = server(memory.listener, (env, startResponse) => {
    env["eventlet.posthooks"].push(({ "tsgi.outcome": outcome }) => {
      ending = outcome
    })
    return app(env, startResponse)
  }, { logOutput: serverOptions?.log !== undefined, ...serverOptions })
  await running.ready
  const client = memory.connect()
  const leave = (): void => client.close()
  asked.signal.addEventListener("abort", leave)
  const stop = async (): Promise<Outcome | undefined> => {
    asked.signal.removeEventListener("abort", leave)
    client.end()
    await running.stop()
    client.close()
    return ending
  }

  const target = typeof input === "string" && input.startsWith("/") ? input : url.pathname + url.search
  const sending = new Sending(client, asked, isStream(init.body), trailers)
  try {
    client.send(await sending.head(target, headers))
    if (headers.get("Expect")?.toLowerCase() !== "100-continue") sending.begin()
    const interim: Array<InterimResponse> = []
    let head = await client.head()
    for (; head.status < 200 && head.status !== 101; head = await client.head()) {
      interim.push({ status: head.status, headers: headersOf(head.fields) })
      if (head.status === 100) sending.begin()
    }
    return answered(client, asked, head, interim, stop)
  } catch (error) {
    const outcome = await stop()
    throw asked.signal.aborted ? asked.signal.reason : sending.failure ?? withCause(error, outcome)
  }
}

// fetch ignores unknown options. With one, a test could pass for the wrong reason.
const checkArguments = (input: unknown, init: unknown, more: ReadonlyArray<unknown>): void => {
  refuseMore(more, "init", "request takes three arguments: app, input and init, which has the option server")
  checkOption("input", input, {
    expected: "a path, such as \"/\", or a URL",
    accepts: (given) =>
      given instanceof URL || (typeof given === "string" && (given.startsWith("/") || URL.canParse(given))),
    explain: (given) =>
      `must be a path, such as "/", or a URL; it is ${kindOf(given)}${
        given instanceof Request ? ": give its url, and method, headers and body in init" : ""
      }`
  })
  checkOptions(init, table, { argument: "init", notAnObject: "must be an object, such as { method: \"POST\" }" })
}

const names = {
  body: anything,
  connection: anything,
  credentials: anything,
  dispatcher: anything,
  duplex: anything,
  headers: anything,
  integrity: anything,
  keepalive: anything,
  method: anything,
  mode: anything,
  redirect: anything,
  referrer: anything,
  referrerPolicy: anything,
  server: anything,
  signal: anything,
  trailers: anything,
  window: anything
} satisfies Record<keyof TestRequestInit, Option>
const table: OptionTable = {
  ...Object.fromEntries(
    Object.keys(serverTable).map((name) => [
      name,
      misplaced(`is an option of server, as in { server: { ${name}: ... } }`)
    ])
  ),
  ...names,
  // Node's types lack these two names
  cache: anything,
  priority: anything
}

const pairsOf = (given: HeaderPairs | Readonly<Record<string, string>>): Array<[string, string]> =>
  (isPairs(given) ? Array.from(given) : Object.entries(given)).map(([name, value]) => [name, value])

const isPairs = (given: HeaderPairs | Readonly<Record<string, string>>): given is HeaderPairs =>
  Symbol.iterator in given

const headersOf = (fields: HeaderPairs): Headers => {
  const headers = new Headers()
  for (const [name, value] of fields) headers.append(name, value)
  return headers
}

// Whether the length of the body is unknown.
const isStream = (body: unknown): boolean => typeof body === "object" && body !== null && Symbol.asyncIterator in body

/** Sends the request. */
class Sending {
  private error: unknown = undefined
  private begun = false
  private whole: Uint8Array | undefined = undefined

  constructor(
    private readonly client: WireClient,
    private readonly asked: Request,
    private readonly streamed: boolean,
    private readonly trailers: HeaderPairs | undefined
  ) {}

  async head(target: string, headers: Headers): Promise<string> {
    const { body, method } = this.asked
    if (this.trailers !== undefined || (body !== null && this.streamed)) headers.set("Transfer-Encoding", "chunked")
    else if (body !== null) {
      this.whole = new Uint8Array(await this.asked.arrayBuffer())
      if (!headers.has("Content-Length")) headers.set("Content-Length", String(this.whole.length))
    }
    return `${method} ${target} HTTP/1.1\r\n${linesOf(headers)}\r\n`
  }

  /** The failure of a read of the body; `undefined` while there is none. */
  get failure(): unknown {
    return this.error
  }

  /** Sends the body, once. */
  begin(): void {
    if (this.begun) return
    this.begun = true
    if (this.whole !== undefined) this.client.send(this.whole)
    else if (this.asked.body !== null || this.trailers !== undefined) {
      this.chunks().catch((error: unknown) => {
        this.error = error
        this.client.close()
      })
    }
  }

  private async chunks(): Promise<void> {
    const reader = this.asked.body?.getReader()
    for (let next = await reader?.read(); next?.done === false; next = await reader?.read()) {
      const part: unknown = next.value
      if (!(part instanceof Uint8Array)) {
        throw new TypeError(`a streamed body must give Uint8Array parts, not ${kindOf(part)}`)
      }
      if (part.length === 0) continue
      this.client.send(`${part.length.toString(16)}\r\n`)
      this.client.send(part)
      this.client.send("\r\n")
      while (this.client.unsent > mostUnsent) {
        if (this.client.ended) return reader?.cancel()
        await new Promise((resolve) => setImmediate(resolve))
      }
    }
    this.client.send(`0\r\n${linesOf(this.trailers ?? [])}\r\n`)
  }
}

const mostUnsent = 65_536

const linesOf = (fields: HeaderPairs): string => Array.from(fields, ([name, value]) => `${name}: ${value}\r\n`).join("")

const answered = (
  client: WireClient,
  { method, url }: Request,
  head: WireHead,
  interim: ReadonlyArray<InterimResponse>,
  stop: () => Promise<Outcome | undefined>
): TestResponse => {
  if (head.status === 101) {
    throw new Error("the application took the connection over (101), which request() cannot return; use MemoryListener")
  }
  const parts = bodyOf(client, head, method)
  let outcome = (_: Promise<Outcome | undefined>): void => undefined
  let trailers = (_: Headers | Promise<never>): void => undefined
  const details = {
    interim,
    outcome: new Promise<Outcome | undefined>((resolve) => {
      outcome = resolve
    }),
    trailers: new Promise<Headers>((resolve) => {
      trailers = resolve
    })
  }
  // a test that does not read the trailers has no unhandled rejection
  details.trailers.catch(() => undefined)
  const take = async (controller?: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    try {
      const next = await parts.next()
      if (next.done !== true) return controller?.enqueue(next.value)
      trailers(headersOf(next.value))
      controller?.close()
      outcome(stop())
    } catch (error) {
      const ended = stop()
      outcome(ended)
      const failure = withCause(error, await ended)
      trailers(Promise.reject(failure instanceof Error ? failure : new Error(String(failure))))
      controller?.error(failure)
    }
  }
  const body = hasBody(head, method)
    ? new ReadableStream<Uint8Array>({
      pull: take,
      cancel: () => {
        client.close()
        trailers(new Headers())
        outcome(stop())
      }
    }, { highWaterMark: mostUnread, size: (part) => part?.length ?? 0 })
    : null
  if (body === null) void take()
  const response = new Response(body, { status: head.status, statusText: head.reason, headers: headersOf(head.fields) })
  return Object.defineProperty(Object.assign(response, details), "url", { value: url })
}

// this tells the failure of the application, and not only that the connection has ended
const withCause = (error: unknown, outcome: Outcome | undefined): unknown =>
  error instanceof WireEnded && outcome?._tag === "Failed"
    ? new WireEnded(error.received, { cause: outcome.error })
    : error

const mostUnread = 1_048_576
