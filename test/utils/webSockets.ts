/** Clients of WebSockets, and their frames. */
import type { Address } from "tsgi"
import { type ClientOptions, WebSocket } from "ws"
import { Journal } from "./Journal.js"

export interface WebSocketClient {
  readonly client: WebSocket
  /** Messages, `ping` for each ping, and `closed` with the code, in order. */
  readonly heard: Journal<string>
}

/** Opens a WebSocket at `/`. An error is noted as its close. */
export const dial = async (address: Address, options: ClientOptions = {}): Promise<WebSocketClient> => {
  if (address._tag === "Unix") throw new Error("not TCP")
  const client = new WebSocket(`ws://127.0.0.1:${address.port}/`, options)
  const heard = new Journal<string>()
  client.on("ping", () => heard.push("ping"))
  client.on("message", (data: Buffer) => heard.push(data.toString()))
  client.on("close", (code) => heard.push(`closed ${code}`))
  client.on("error", () => undefined)
  await new Promise((resolve, reject) => {
    client.once("open", resolve)
    client.once("error", reject)
  })
  return { client, heard }
}

/** A frame as a client sends it, masked with zeros (RFC 6455, 5.2): a text unless `opcode` says otherwise. Up to 125 bytes. */
export const frame = (content: string | Uint8Array, opcode = 0x81): Buffer => {
  const bytes = Buffer.from(content)
  return Buffer.concat([Buffer.from([opcode, 0x80 | bytes.length, 0, 0, 0, 0]), bytes])
}
