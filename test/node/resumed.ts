/** Serves with TLS, with the options that its parent sends. */
import { listen, server, wrapTls } from "tsgi"

process.once(
  "message",
  ({ keys, ...certificate }: { readonly keys: string; readonly cert: string; readonly key: string }) => {
    const listener = wrapTls(listen(), { ...certificate, ticketKeys: Buffer.from(keys, "base64") })
    const running = server(listener, (_, startResponse) => {
      startResponse("204 No Content", [])
      return ""
    }, { logOutput: false })
    void running.ready.then((address) => process.send?.(address))
    process.once("disconnect", () => void running.stop({ grace: 0 }))
  }
)
