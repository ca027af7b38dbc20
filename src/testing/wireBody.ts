/**
 * Reads the body of a response while it arrives, and its trailers.
 *
 * @since 0.2.0
 */
import type { Buffer } from "node:buffer"
import { type WireClient, WireEnded, type WireHead } from "./WireClient.js"

type Fields = ReadonlyArray<readonly [name: string, value: string]>

/**
 * Yields the parts of a body as they arrive, and returns the trailers. Rejects with {@link WireEnded} if the stream ends before
 * the body.
 *
 * @since 0.2.0
 */
export async function* bodyOf(client: WireClient, head: WireHead, method: string): AsyncGenerator<Buffer, Fields> {
  if (!hasBody(head, method)) return []
  const length = head.get("content-length")
  if (head.get("transfer-encoding") !== undefined) return yield* chunks(client)
  if (length !== undefined) yield* bytes(client, Number(length))
  else yield* untilEnd(client)
  return []
}

/**
 * Whether the response to a request with this method has a body (RFC 9112, 6.3).
 *
 * @since 0.2.0
 */
export const hasBody = ({ status }: WireHead, method: string): boolean =>
  method !== "HEAD" && status !== 204 && status !== 304 && status !== 101

async function* chunks(client: WireClient): AsyncGenerator<Buffer, Fields> {
  while (true) {
    const size = parseInt((await client.until("\r\n")).toString("latin1"), 16)
    if (size === 0) break
    yield* bytes(client, size)
    await client.bytes(2)
  }
  const trailers: Array<readonly [name: string, value: string]> = []
  while (true) {
    const line = (await client.until("\r\n")).toString("latin1").trimEnd()
    if (line === "") return trailers
    const colon = line.indexOf(":")
    trailers.push([line.slice(0, colon), line.slice(colon + 1).trim()])
  }
}

// Yields the bytes that have arrived, at least one at a time.
async function* bytes(client: WireClient, length: number): AsyncGenerator<Buffer, void> {
  for (let left = length; left > 0;) {
    const part = await client.bytes(Math.min(left, Math.max(1, client.unread.length)))
    left -= part.length
    yield part
  }
}

async function* untilEnd(client: WireClient): AsyncGenerator<Buffer, void> {
  try {
    while (true) yield await client.some()
  } catch (error) {
    if (!(error instanceof WireEnded)) throw error
  }
}
