/**
 * Stopping with grace: requests that end in time are answered, others are interrupted, and a report counts both.
 *
 *   npx tsx examples/stop.ts
 *   curl -i http://127.0.0.1:8090/slow &       takes 2 seconds
 *   curl http://127.0.0.1:8090/endless &       sends until it is stopped
 *   then Ctrl-C in the server's terminal: new connections are refused at once; /slow is answered, with
 *   `Connection: close`; 3 seconds later /endless is interrupted. The server prints
 *       stopping
 *       /endless: interrupted (the server is stopping)
 *       stopped: {"connections":2,"idle":0,"finished":1,"interrupted":1,"cut":0,"left":0,"duration":3005}
 *
 * GRACE and SLOW change the two times, in milliseconds.
 */
import { setTimeout } from "node:timers/promises"
import { type App, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const { GRACE = "3000", SLOW = "2000" } = process.env

const slow: App = async (_, startResponse) => {
  await setTimeout(Number(SLOW))
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return "finished\n"
}

const endless: App = (env, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return ticks(env["tsgi.signal"])
}

// The signal is aborted when the server interrupts the request, and also when the client leaves.
const ticks = async function*(signal: AbortSignal) {
  try {
    while (true) {
      yield "tick\n"
      await setTimeout(100, undefined, { signal })
    }
  } finally {
    const reason: unknown = signal.reason
    console.log(`/endless: interrupted (${reason instanceof Error ? reason.message : String(reason)})`)
  }
}

const app: App = (env, startResponse) => {
  console.log(`${env.PATH_INFO}: begun`)
  return env.PATH_INFO === "/endless" ? endless(env, startResponse) : slow(env, startResponse)
}

export default app

if (isMain(import.meta.url)) {
  const running = server(listen(port), app)

  run(running, {
    stop: () => {
      console.log("stopping")
      running.stop({ grace: Number(GRACE) }).then(
        (report) => console.log(`stopped: ${JSON.stringify(report)}`),
        (error: unknown) => console.error(error)
      )
    }
  })
}
