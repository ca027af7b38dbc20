/**
 * What the Effect examples have in common: a port from the environment, and a main program that serves until Ctrl-C. It
 * is not an example.
 */
import type { HttpServerError } from "@effect/platform"
import { NodeRuntime } from "@effect/platform-node"
import { type ConfigError, Console, Effect, Layer } from "effect"

export { isMain, port } from "../serve.js"

/** Serves until a signal comes. Where it cannot serve, one line says why, and the exit code is 1. */
export const run = (server: Layer.Layer<never, HttpServerError.ServeError | ConfigError.ConfigError>): void =>
  Layer.launch(server).pipe(
    Effect.catchAll((error) =>
      Console.error(error.message).pipe(Effect.zipRight(Effect.sync(() => process.exitCode = 1)))
    ),
    NodeRuntime.runMain
  )
