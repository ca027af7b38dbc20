/**
 * An `error` event or a rejection without a handler ends the process. No failure of an object that the server was given may do
 * that, whatever fails and whenever.
 *
 * The family: log functions, log objects and streams, formats; parts of a body that are promises, streams that fail when they are
 * no longer read; hooks of every kind; reads that are not awaited; sockets that were taken over, WebSockets with invalid first
 * frames; the callbacks of a TLS handshake. All run in one process, which counts the failures that escape.
 */
import { beforeAll, describe, expect, it } from "vitest"
import { program } from "../utils/made.js"
import { run } from "../utils/processes.js"
import { type Came, names } from "./unhandled.js"

/** These are only logged for developers, because the client has caused them, or nothing can be done about them. */
const untold = new Set<string>([
  "body: a stream that fails after its client has left",
  "body: a stream that fails when it is let go",
  "input: a read that nobody awaits",
  "Effect: a stream that fails when it is let go",
  "Effect: a stream that fails after its client has left",
  "Effect: frames that are none, with the handshake",
  "Effect: frames that are none, while the handler does something else"
])

describe("a failure without a handler", () => {
  const came = new Map<string, Came>()

  beforeAll(async () => {
    const { stdout } = await run(process.execPath, [await program("doors/unhandled"), "run"], {
      cwd: import.meta.dirname
    })
    for (const line of stdout) {
      const one = JSON.parse(line) as Came
      came.set(one.name, one)
    }
  }, 60_000)

  it.each(names)("%s", (name) => {
    const { escaped, lines, status } = came.get(name) ?? { escaped: ["it was not run"], lines: [], status: 0 }
    expect(escaped).toEqual([])
    expect(status).toBe(200)
    if (untold.has(name)) expect(lines.join("\n")).not.toMatch(/on purpose/)
    else expect(lines.join("\n")).toMatch(/on purpose|must not be async/)
  })
})
