/**
 * Hello, and 404 for everything else.
 *
 *   npm start
 *   curl -i http://127.0.0.1:8090/        HTTP/1.1 200 OK ... Hello, World!
 *   curl -i http://127.0.0.1:8090/other   HTTP/1.1 404 Not Found ... Not Found
 *
 * Ctrl-C lets running requests finish, then exits. The command serves its default export, with as many workers as you ask for:
 *
 *   npx tsgi serve examples/hello.ts --workers 2      in a checkout after `npm run build`
 */
import { fileURLToPath } from "node:url"
import { type App, handleSignals, listen, server } from "tsgi"

const hello: App = (env, startResponse) => {
  if (env.PATH_INFO !== "/") {
    startResponse("404 Not Found", [["Content-Type", "text/plain"]])
    return ["Not Found\r\n"]
  }
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return ["Hello, World!\r\n"]
}

export default hello

// not for the command, which listens itself
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const running = server(listen(Number(process.env.PORT ?? 8090)), hello)

  handleSignals(running)

  running.ready.then(
    (address) => console.log(`serving on http://127.0.0.1:${address._tag === "Tcp" ? address.port : ""}`),
    (error: unknown) => {
      console.error(error instanceof Error ? error.message : error)
      process.exitCode = 1
    }
  )
}
