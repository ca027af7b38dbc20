/**
 * What the Effect examples have in common: a port from the environment, and a main program that serves until Ctrl-C. No
 * example of its own.
 */
import type { HttpServerError } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { type ConfigError, Console, Effect, Layer } from "effect"
import { fileURLToPath } from "node:url"

/** The port to listen on: `PORT`, or 8090. */
export const port = Number(process.env.PORT ?? 8090)

/** Is this the program that was started? Otherwise the command serves its default export. */
export const isMain = (url: string): boolean => process.argv[1] === fileURLToPath(url)

/** Serves until a signal comes. When nothing can be served, one line says why, and the exit code is 1. */
export const run = (server: Layer.Layer<never, HttpServerError.ServeError | ConfigError.ConfigError>): void =>
  Layer.launch(server).pipe(
    Effect.catchAll((error) =>
      Console.error(error.message).pipe(Effect.zipRight(Effect.sync(() => process.exitCode = 1)))
    ),
    NodeRuntime.runMain
  )
