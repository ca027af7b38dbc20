/** A stop has a last bound: it does not wait for a log that cannot be written, not even for two. */
import type { App } from "tsgi"
import { beforeAll, describe, expect, it, vi } from "vitest"
import { longestFlush } from "../../src/node/LogFile.js"
import { load } from "../../src/node/sonicBoom.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"
import { unreadPipe } from "../utils/unreadPipe.js"

describe.each(["one", "two"])("%s", (how) => {
  // what writes logs is loaded once, which would take real time while the clock is the test's
  beforeAll(() => load())

  it("a log that is a pipe without a reader does not hold the stop", async () => {
    const pipes = [unreadPipe(), unreadPipe()]
    const [log, errorLog] = how === "one" ? [pipes[0].fd, undefined] : [pipes[0].fd, pipes[1].fd]
    const app: App = (env, startResponse) => {
      env["wsgi.errors"].write("x".repeat(1_000_000))
      return hello(env, startResponse)
    }
    const options = { memory: true, log, errorLog, logFormat: () => "x".repeat(1_000_000) }
    try {
      await withServer(app, options, async ({ ask, running }) => {
        for (let i = 0; i < 3; i++) await ask(get("/"))
        // the time for which the server waits for a log, which passes here when the test says so; all other timers are real,
        // as Effect's scheduler would not go on without its own
        const real = globalThis.setTimeout
        const flushes: Array<() => void> = []
        const timers = vi.spyOn(globalThis, "setTimeout").mockImplementation((callback, milliseconds, ...given) => {
          if (milliseconds !== longestFlush) return real(callback, milliseconds, ...given)
          flushes.push(callback)
          return real(() => undefined, 0)
        })
        try {
          let isOver = false
          const stopped = running.stop().then(() => {
            isOver = true
          })
          // two logs are written at the same time
          while (flushes.length < (how === "one" ? 1 : 2)) await turns(1)
          await turns(50)
          expect(isOver).toBe(false)
          for (const flushIsLate of flushes) flushIsLate()
          await stopped
        } finally {
          timers.mockRestore()
        }
      })
    } finally {
      for (const { close } of pipes) await close()
    }
  })
})
