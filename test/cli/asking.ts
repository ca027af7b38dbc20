/** Requests to a server that the command has started, and the lines that say that it is ready. */
import type { Address } from "tsgi"
import type { WireResponse } from "tsgi/testing"
import type { Program } from "../utils/processes.js"
import { request } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"

/** The line of a server that is ready. */
export const ready = /info {2}ready in \d+ ms/

/** The line of a worker that is ready, with its process id. */
export const workerReady = /worker \d \((\d+)\) ready/

/** Waits until a server is ready, and returns its port. */
export const portOf = async (program: Program): Promise<number> => {
  const [, port] = await program.line(/listening on https?:\/\/127\.0\.0\.1:(\d+)/)
  await program.line(ready)
  return Number(port)
}

/** Sends a request on a connection of its own, and returns the response. */
export const ask = async (
  where: Address | number,
  method: string,
  target: string,
  ...fields: ReadonlyArray<string>
): Promise<WireResponse> => {
  await using client = await connect(where)
  client.send(request(method, target, ["Connection: close", ...fields]))
  return await client.response(method)
}

/** The status and the body of the response to a GET. */
export const get = async (where: Address | number, target = "/"): Promise<string> => {
  const { body, status } = await ask(where, "GET", target)
  return `${status} ${body.toString()}`
}
