/** Exchanges of clients with a served app. */
import { Buffer } from "node:buffer"
import type { WireClient } from "tsgi/testing"
import { atRest } from "../utils/Journal.js"
import { type Observation, readAnswer } from "./answers.js"
import type { DecisionName } from "./decisions.js"

/** The server under test. */
export interface Peer {
  readonly connect: () => Promise<WireClient>
  /** The authority, such as `127.0.0.1:8080`. */
  readonly authority: string
  /** Waits until the request's scope has closed, after which nothing more is answered. */
  readonly concluded: () => Promise<void>
  /** Whether connections beyond `limits.connections` wait. */
  readonly hasLimit: boolean
}

export interface Exchange {
  readonly title: string
  readonly talk: (peer: Peer) => Promise<Observation>
  /** The decisions about differences that it shows. */
  readonly decisions: ReadonlyArray<DecisionName>
  /** Whether one of the servers may never answer. Then the end of the request's scope ends the wait too. */
  readonly unanswered: boolean
}

export interface Details {
  readonly headers?: Readonly<Record<string, string>> | ReadonlyArray<readonly [string, string]> | undefined
  readonly body?: string | Uint8Array | undefined
  /** The chunks of a body that is sent chunked. */
  readonly chunks?: ReadonlyArray<string | Uint8Array> | undefined
  readonly decisions?: ReadonlyArray<DecisionName> | undefined
  readonly version?: "1.0" | "1.1" | undefined
  readonly title?: string | undefined
  readonly unanswered?: boolean | undefined
}

const bytesOf = (data: string | Uint8Array): Buffer => typeof data === "string" ? Buffer.from(data) : Buffer.from(data)

/** A request's bytes. */
export const requestBytes = (method: string, target: string, details: Details): Buffer => {
  const { body, chunks, headers = [], version = "1.1" } = details
  const pairs: ReadonlyArray<readonly [string, string]> = Symbol.iterator in headers
    ? headers
    : Object.entries(headers)
  const lines = [`${method} ${target} HTTP/${version}`]
  if (!pairs.some(([name]) => name.toLowerCase() === "host")) lines.push("Host: example.test")
  for (const [name, value] of pairs) lines.push(`${name}: ${value}`)
  if (body !== undefined) lines.push(`Content-Length: ${bytesOf(body).length}`)
  if (chunks !== undefined) lines.push("Transfer-Encoding: chunked")
  const parts: Array<Buffer> = [Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1")]
  if (body !== undefined) parts.push(bytesOf(body))
  for (const chunk of chunks ?? []) {
    const bytes = bytesOf(chunk)
    parts.push(Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from("\r\n"))
  }
  if (chunks !== undefined) parts.push(Buffer.from("0\r\n\r\n"))
  return Buffer.concat(parts)
}

/** One request on a connection of its own, and its answer. */
export const request = (method: string, target: string, details: Details = {}): Exchange => ({
  title: details.title ?? `${method} ${target}`,
  decisions: details.decisions ?? [],
  unanswered: details.unanswered ?? false,
  talk: async (peer) => {
    await using client = await peer.connect()
    client.send(requestBytes(method, target, details))
    const answer = readAnswer(client, method)
    if (details.unanswered !== true) return await answer
    // the close ends the wait for an answer that will not arrive
    return await Promise.race([answer, silence(peer, client).then(() => (client.close(), answer))])
  }
})

export const get = (target: string, details?: Details): Exchange => request("GET", target, details)
export const head = (target: string, details?: Details): Exchange => request("HEAD", target, details)
export const post = (target: string, body: string | Uint8Array, details?: Details): Exchange =>
  request("POST", target, { ...details, body })
export const postJson = (target: string, body: unknown, details?: Details): Exchange =>
  post(target, JSON.stringify(body), {
    ...details,
    headers: { "Content-Type": "application/json", ...Object.fromEntries(Object.entries(details?.headers ?? {})) }
  })

/** An exchange that is not one request with its answer. */
export const talk = (
  title: string,
  converse: Exchange["talk"],
  ...decisions: ReadonlyArray<DecisionName>
): Exchange => ({ title, talk: converse, decisions, unanswered: false })

// Waits until the request's scope is closed and nothing more arrives, so that everything that was sent is here.
const silence = async (peer: Peer, client: WireClient): Promise<void> => {
  await peer.concluded()
  await atRest(() => client.received)
}
