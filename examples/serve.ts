/**
 * What the examples have in common: a port from the environment, a line that says where they serve, a signal that stops
 * them, and a failure to listen that ends them. It is not an example; `hello.ts` shows the same in full.
 */
import { fileURLToPath } from "node:url"
import type { RunningServer } from "tsgi"

/** The port to listen on: `PORT`, or 8090. */
export const port = Number(process.env.PORT ?? 8090)

/** Whether this is the program that was started. Otherwise the command serves its default export. */
export const isMain = (url: string): boolean => process.argv[1] === fileURLToPath(url)

/** Says where the server serves; the first SIGINT or SIGTERM stops it with grace, the second kills the process. */
export const run = (
  running: RunningServer,
  { scheme = "http", stop = () => void running.stop() }: {
    readonly scheme?: "http" | "https"
    /** Called at the first signal. */
    readonly stop?: () => void
  } = {}
): void => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, stop)
  running.ready.then(
    (address) =>
      console.log(
        address._tag === "Tcp"
          ? `serving on ${scheme}://${address.host}:${address.port}`
          : `serving on the unix socket ${address.path}`
      ),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error)
      process.exitCode = 1
    }
  )
}
