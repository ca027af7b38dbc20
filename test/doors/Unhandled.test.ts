/**
 * An `error` event or a rejection that nobody looks at ends the process: of what others have made and the server was
 * given, none may come to that, whatever fails in it and whenever.
 *
 * The family: log functions, log objects and streams, formats; parts of a body that are promises, streams that fail when
 * nobody reads them any more; hooks of every kind; reads that nobody awaits; sockets that were taken over, WebSockets
 * whose first frames are none; the callbacks of a TLS handshake. Each in one process, which counts what escapes.
 */
import { beforeAll, describe, expect, it } from "vitest"
import { program } from "../utils/made.js"
import { run } from "../utils/processes.js"
import { type Came, names } from "./unhandled.js"

/** Nothing is logged of these, but for developers: it is the client's doing, or of no use to anybody. */
const untold = new Set<string>([
  "body: a stream that fails after its client has left",
  "body: a stream that fails when it is let go",
  "input: a read that nobody awaits",
  "Effect: a stream that fails when it is let go",
  "Effect: a stream that fails after its client has left",
  "Effect: frames that are none, with the handshake",
  "Effect: frames that are none, while the handler does something else"
])

describe("what fails where nobody looks", () => {
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
