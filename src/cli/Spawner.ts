/**
 * Starts the processes of workers.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { spawn } from "node:child_process"
import { marked, type ToWorker } from "./messages.js"
import { messageOf } from "./streams.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface ChildSettings {
  readonly env: Readonly<Record<string, string | undefined>>
  /** Arguments for node, before the worker's file. */
  readonly nodeArgs: ReadonlyArray<string>
  readonly cwd: string
  /** Descriptors of this process, which the child inherits as `firstDescriptor` and the following ones. */
  readonly descriptors: ReadonlyArray<number>
}

/**
 * @since 0.2.0
 * @category models
 */
export interface ChildExit {
  readonly code: number | null
  readonly signal: string | null
}

/**
 * @since 0.2.0
 * @category models
 */
export interface Child {
  readonly pid: number
  /** Sends a message; one to a child that has ended is dropped. */
  readonly send: (message: ToWorker) => Effect.Effect<void>
  readonly kill: (signal: "SIGTERM" | "SIGKILL") => Effect.Effect<void>
}

/**
 * The error for a process that the system did not start.
 *
 * @since 0.2.0
 * @category errors
 */
export class SpawnError extends Data.TaggedError("SpawnError")<{ readonly message: string }> {}

/**
 * @since 0.2.0
 * @category tags
 */
export class Spawner extends Context.Tag("tsgi/cli/Spawner")<Spawner, {
  readonly spawn: (
    settings: ChildSettings,
    events: { readonly message: (message: unknown) => void; readonly exited: (exit: ChildExit) => void }
  ) => Effect.Effect<Child, SpawnError>
}>() {}

/**
 * The spawner of real processes.
 *
 * @param file the file of the worker
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (file: string): Layer.Layer<Spawner> =>
  Layer.succeed(Spawner, {
    spawn: ({ cwd, descriptors, env, nodeArgs }, { exited, message }) =>
      Effect.async<Child, SpawnError>((resume) => {
        const failed = (error: unknown): void => resume(Effect.fail(new SpawnError({ message: messageOf(error) })))
        try {
          const child = spawn(process.execPath, [...nodeArgs, file], {
            cwd,
            env: { ...env },
            stdio: ["ignore", "inherit", "inherit", "ipc", ...descriptors],
            serialization: "advanced"
          })
          child.on("message", message)
          // the start has failed, or a message to a child that has ended, which changes nothing here
          child.on("error", failed)
          // its last messages may arrive after its exit
          child.once("exit", (code, signal) => {
            const gone = (): void => exited({ code, signal })
            if (child.connected) child.once("disconnect", gone)
            else gone()
          })
          child.once("spawn", () =>
            resume(Effect.succeed({
              pid: child.pid ?? 0,
              send: (message) =>
                Effect.sync(() => {
                  if (child.connected) child.send(marked(message), () => undefined)
                }),
              kill: (signal) => Effect.sync(() => void child.kill(signal))
            })))
        } catch (error) {
          failed(error)
        }
      })
  })
