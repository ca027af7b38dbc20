/**
 * Server-sent events: each leaves as it is made, and making them stops when the client leaves.
 *
 *   npx tsx examples/events.ts
 *   curl -N http://127.0.0.1:8090/      data: 1
 *
 *                                       data: 2 ... until Ctrl-C; the server then prints
 *                                         client left after 2 events
 *
 * `INTERVAL` is the time between events in milliseconds, 1000 by default.
 */
import { setInterval } from "node:timers/promises"
import { type App, type Environ, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const events = async function*(env: Environ) {
  let count = 0
  env["eventlet.posthooks"].push([() => console.log(`client left after ${count} events`)])
  for await (const _ of setInterval(Number(process.env.INTERVAL ?? 1000), undefined, { signal: env["tsgi.signal"] })) {
    yield `data: ${++count}\n\n`
  }
}

const app: App = (env, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/event-stream"], ["Cache-Control", "no-store"]])
  return events(env)
}

export default app

if (isMain(import.meta.url)) {
  // a client that closes its sending half counts as gone; otherwise it is noticed when an event cannot be sent
  run(server(listen(port), app, { halfClose: "abort" }))
}
