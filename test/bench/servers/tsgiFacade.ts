/** tsgi's facade. Mode `log` writes an access log to a file. */
import { listen, server } from "tsgi"
import { app, options } from "./facadeApp.js"
import { backlog, fileFrom, host, type Serve } from "./work.js"

export const serve: Serve = async (mode) => {
  const running = server(
    listen({ port: 0, host, backlog }),
    app,
    mode === "log" ? { ...options, logOutput: true, log: fileFrom("BENCH_LOG") } : options
  )
  const address = await running.ready
  if (address._tag !== "Tcp") throw new Error("no TCP address")
  return {
    port: address.port,
    stop: async () => {
      await running.stop({ grace: 0 })
    }
  }
}
