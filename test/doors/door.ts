/** What an application and its test may do at every door: see everyDoor.ts. */
import type * as Context from "effect/Context"
import type { AccessRecord, Outcome, ServerOptions, StopOptions, StopReport, TlsOptions } from "tsgi"
import type { InterimResponses } from "tsgi/effect"
import type { WireClient } from "tsgi/testing"
import type { Journal } from "../utils/Journal.js"

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
  /** Aborted when the application is interrupted, and when its body is let go. With `runsOn` only at the plain door. */
  readonly signal: AbortSignal
  /**
   * Adds a finalizer to the request's scope, which is given the name of the exit, and may return a promise. Does nothing at a
   * door without such a scope.
   */
  readonly finalizer: (finalizer: (exit: string) => void | Promise<void>) => void
  /** Sets the head of the answer; the last one counts. */
  readonly head: (head: Head) => void
  /** Writes a part of the body before the application returns the rest. */
  readonly write: (part: string) => void
  /** Takes the connection over from HTTP, and ends it. At the Effect door the client must have asked for a WebSocket. */
  readonly takeOver: () => Promise<void>
  /** Closes the socket's scope; at the plain door, which has none, takes the socket over and destroys it. */
  readonly closeSocket: () => void
}

export interface Head {
  /** Default 200. */
  readonly status?: number
  /** Default `text/plain`. */
  readonly contentType?: string
  /** Content-Length of a body in parts. */
  readonly length?: number
  readonly fields?: Fields
}

/** An application: it returns the body of the answer, or fails. */
export type Script = (call: Call) => Body | Promise<Body>

export type Part = string | Uint8Array

/** An empty array is no body. Any other body in parts is a Stream at the Effect door, or raw. */
export type Body = Part | Iterable<Part> | AsyncIterable<Part>

export interface Options extends Pick<ServerOptions, "parser" | "rates" | "timeouts"> {
  /** Default "answer", at the Effect door too. */
  readonly halfClose?: "answer" | "abort"
  /** With `true`, answers are in HTTP/1.0, whatever the client speaks. */
  readonly onlyHttp10?: boolean
  /** Parts are sent as they come. At the Effect door they always are. */
  readonly gathersNothing?: boolean
  /** At the Effect door, a body in parts is raw, and not a Stream. */
  readonly raw?: boolean
  /** At the Effect door, an application whose client has left runs on. At the plain door it always does. */
  readonly runsOn?: boolean
  /** A service for interim responses in place of the default one, at the Effect door only. */
  readonly interimResponses?: Context.Tag.Service<InterimResponses.InterimResponses>
  /** Clients on sockets instead of in memory. */
  readonly sockets?: boolean
  /** Clients on sockets with TLS. */
  readonly tls?: TlsOptions
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
  readonly stop: (options?: StopOptions) => Promise<StopReport>
}

export type Serve = (script: Script, options?: Options) => Promise<Served>

/** Connects the first client; at the end closes all clients and stops the server. */
export const disposable = async (served: Omit<Served, "client" | typeof Symbol.asyncDispose>): Promise<Served> => {
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
