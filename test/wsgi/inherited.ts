/** Serves on a socket that it has inherited, when it is told to. */
import { type App, listen, type RunningServer, server } from "tsgi"
import { hello } from "../utils/serving.js"

const app: App = (env, startResponse) => {
  if (env.PATH_INFO !== "/where") return hello(env, startResponse)
  startResponse("200 OK", [])
  return [env.SERVER_NAME, env.SERVER_PORT, env.REMOTE_ADDR, env.REMOTE_PORT].join(" ")
}

let running: RunningServer | undefined = undefined
const obey = async (order: unknown): Promise<void> => {
  if (order === "serve") {
    running = server(listen({ fd: 3 }), app, { logOutput: false })
    process.send?.(await running.ready)
  } else {
    await running?.stop()
    process.disconnect()
  }
}
process.on("message", (order) => {
  obey(order).catch((error: unknown) => {
    process.exitCode = 1
    throw error
  })
})
process.send?.("started")
