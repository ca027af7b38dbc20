/**
 * Asks a server that runs, at its control socket.
 *
 * @since 0.2.0
 */
import * as Http from "node:http"

/**
 * @since 0.2.0
 * @category models
 */
export interface Answer {
  readonly status: number
  readonly body: string
}

/**
 * Rejects where nobody answers.
 *
 * @param timeout milliseconds
 *
 * @since 0.2.0
 * @category constructors
 */
export const ask = (
  socketPath: string,
  method: "GET" | "POST",
  path: string,
  timeout = 5000
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const request = Http.request(
      {
        socketPath,
        method,
        path,
        headers: { Host: "tsgi", Connection: "close" },
        signal: AbortSignal.timeout(timeout)
      },
      (response) => {
        const parts: Array<Buffer> = []
        response.on("data", (part: Buffer) => parts.push(part))
        response.once("error", reject)
        response.once("end", () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }))
      }
    )
    request.once("error", reject)
    request.end()
  })
