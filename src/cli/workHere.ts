/**
 * A worker in this process, for debuggers, small containers and Windows.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { marked, protocol } from "./messages.js"
import { type ChildSettings, Spawner, SpawnError } from "./Spawner.js"
import { messageOf } from "./streams.js"
import type * as Work from "./work.js"

/**
 * Starts one worker, and only once, because the modules of its app stay loaded.
 *
 * @param load loads the work of a worker
 *
 * @since 0.2.0
 * @category layers
 */
export const layer = (load: () => Promise<typeof Work>): Layer.Layer<Spawner> =>
  Layer.succeed(Spawner, {
    spawn: (settings, { exited, message }) =>
      Effect.tryPromise({
        try: async () => {
          await prepare(settings)
          const { work } = await load()
          const { hear } = work({
            tell: (told) => Promise.resolve(message(marked(told))),
            exit: (code) => exited({ code, signal: null }),
            isAlone: false
          })
          // the message is sent after the supervisor has its child
          setImmediate(() => message(marked({ type: "hello", protocol })))
          return {
            pid: process.pid,
            send: (told) => Effect.sync(() => hear(told)),
            kill: (signal) => Effect.sync(() => exited({ code: null, signal }))
          }
        },
        catch: (error) => new SpawnError({ message: messageOf(error) })
      })
  })

// Does in this process what the arguments and options of a spawn do in another one.
const prepare = async ({ cwd, env, nodeArgs }: ChildSettings): Promise<void> => {
  Object.assign(process.env, env)
  process.chdir(cwd)
  process.setSourceMapsEnabled(true)
  for (const [i, arg] of nodeArgs.entries()) if (arg === "--import") await imported(nodeArgs[i + 1])
}

const imported = (module = ""): Promise<unknown> => import(module)
