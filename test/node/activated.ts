/** Serves on each socket that it was started with, and tells who asks by which one it was reached. */
import { activatedSockets, listen, server } from "tsgi"

for (const { fd, name } of activatedSockets()) {
  server(listen({ fd }), (env, startResponse) => {
    startResponse("200 OK", [["Connection", "close"]])
    return `${fd} ${name} ${env.SERVER_NAME}\n`
  }, { logOutput: false })
}
process.once("SIGTERM", () => process.exit(0))
