/**
 * Post hooks: work for after the response is sent, or the client has left.
 *
 *   npx tsx examples/posthooks.ts
 *   curl http://127.0.0.1:8090/                            the server prints, once the response was sent:
 *                                                            hook: / arg1 arg2 3 4 -> Sent
 *   curl http://127.0.0.1:8090/endless | head -c 1000000   and when curl has left:
 *                                                            hook: /endless arg1 arg2 3 4 -> Aborted
 */
import { type App, type Environ, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const hook = (env: Environ, arg1: string, arg2: string, kwargs: { kwarg3: number; kwarg4: number }): void =>
  console.log(
    `hook: ${env.PATH_INFO} ${arg1} ${arg2} ${kwargs.kwarg3} ${kwargs.kwarg4} -> ${env["tsgi.outcome"]?._tag}`
  )

const endless = function*() {
  while (true) yield "and so on\n".repeat(1000)
}

const app: App = (env, startResponse) => {
  env["eventlet.posthooks"].push([hook, ["arg1", "arg2"], { kwarg3: 3, kwarg4: 4 }])
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return env.PATH_INFO === "/endless" ? endless() : "Hello, World!\n"
}

export default app

if (isMain(import.meta.url)) run(server(listen(port), app))
