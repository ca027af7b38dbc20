/** The response that a client receives, as a flat record that can be compared entry by entry. */
import { Buffer } from "node:buffer"
import type { WireClient } from "tsgi/testing"
import { WireEnded, type WireHead } from "tsgi/testing"

/** Entries by name, such as `status`, `header content-type`, `body`. */
export type Observation = Readonly<Record<string, string>>

const addHead = (seen: Record<string, string>, prefix: string, head: WireHead): void => {
  seen[`${prefix}status`] = String(head.status)
  seen[`${prefix}reason`] = head.reason
  const names = new Set(head.fields.map(([name]) => name.toLowerCase()))
  for (const name of names) seen[`${prefix}header ${name}`] = head.all(name).map((value) => value).join(" | ")
}

/** Reads one response. A stream that ends before the response is noted, with what has arrived. */
export const readAnswer = async (client: WireClient, method: string): Promise<Observation> => {
  const seen: Record<string, string> = {}
  const parts: Array<Buffer> = []
  let interims = 0
  try {
    let head = await client.head()
    while (head.status < 200 && head.status !== 101) {
      addHead(seen, `interim ${interims++} `, head)
      head = await client.head()
    }
    addHead(seen, "", head)
    await readBody(client, head, method, parts)
    seen.end = "complete"
  } catch (error) {
    if (!(error instanceof WireEnded)) throw error
    seen.end = "cut"
  }
  seen.body = Buffer.concat(parts).toString("latin1")
  return normalized(seen)
}

const readBody = async (client: WireClient, head: WireHead, method: string, parts: Array<Buffer>): Promise<void> => {
  if (method === "HEAD" || head.status === 204 || head.status === 304 || head.status === 101) return
  if (head.get("transfer-encoding") === undefined) {
    const length = head.get("content-length")
    parts.push(length === undefined ? await client.all() : await client.bytes(Number(length)))
    return
  }
  while (true) {
    const size = parseInt((await client.until("\r\n")).toString("latin1"), 16)
    if (size === 0) break
    parts.push(await client.bytes(size))
    await client.bytes(2)
  }
  while ((await client.until("\r\n")).length > 2);
}

// Values that differ in every response are made equal.
const normalized = (seen: Record<string, string>): Observation => {
  if (seen["header date"] !== undefined) seen["header date"] = seen["header date"].replace(/^.*GMT$/, "<date>")
  const boundary = /boundary=([^;]+)/.exec(seen["header content-type"] ?? "")?.[1]
  if (boundary !== undefined) {
    for (const name of ["header content-type", "body"]) seen[name] = seen[name].replaceAll(boundary, "<boundary>")
  }
  return seen
}
