/** Serves on each socket with which it was started, and answers with the name of that socket. */
import { activatedSockets, listen, server } from "tsgi"

for (const { fd, name } of activatedSockets()) {
  server(listen({ fd }), (env, startResponse) => {
    startResponse("200 OK", [["Connection", "close"]])
    return `${fd} ${name} ${env.SERVER_NAME}\n`
  }, { logOutput: false })
}
process.once("SIGTERM", () => process.exit(0))
