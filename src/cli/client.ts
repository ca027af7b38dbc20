/**
 * Sends a request to a running server at its control socket.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
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
 * Rejects if no server answers.
 *
 * @param timeout in milliseconds
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

/**
 * Whether a server answers at a control socket, within a second.
 *
 * @since 0.2.0
 * @category accessors
 */
export const answers = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() => ask(path, "GET", "/live", 1000).then(() => true, () => false))

/**
 * Whether a process listens at a control socket, be it another program or one that hangs.
 *
 * @since 0.2.0
 * @category accessors
 */
export const hasServer = (path: string): Effect.Effect<boolean> =>
  Effect.promise(() => ask(path, "GET", "/live", 1000).then(() => true, (error: unknown) => !isRefused(error)))

const isRefused = (error: unknown): boolean =>
  error instanceof Error && "code" in error && (error.code === "ECONNREFUSED" || error.code === "ENOENT")

/**
 * The pid of the server that answers at a control socket; `undefined` if none does.
 *
 * @since 0.2.0
 * @category accessors
 */
export const pidAt = (path: string): Effect.Effect<number | undefined> =>
  Effect.promise(async () => {
    try {
      const { body } = await ask(path, "GET", "/status")
      const status: unknown = JSON.parse(body)
      return typeof status === "object" && status !== null && "pid" in status ? Number(status.pid) : undefined
    } catch {
      return undefined
    }
  })
