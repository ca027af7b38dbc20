/** tsgi's facade with TLS. */
import { readFileSync } from "node:fs"
import { listen, server, wrapTls } from "tsgi"
import { app, options } from "./facadeApp.js"
import { backlog, fileFrom, host, type Serve } from "./work.js"

export const serve: Serve = async () => {
  const listener = wrapTls(listen({ port: 0, host, backlog }), {
    cert: readFileSync(fileFrom("BENCH_CERT")),
    key: readFileSync(fileFrom("BENCH_KEY"))
  })
  const running = server(listener, app, options)
  const address = await running.ready
  if (address._tag !== "Tcp") throw new Error("no TCP address")
  return {
    port: address.port,
    stop: async () => {
      await running.stop({ grace: 0 })
    }
  }
}
