/** A log receives everything, whatever its lines are and whatever happens to its file. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { App } from "tsgi"
import { afterAll, describe, expect, it, vi } from "vitest"
import { asEntry, inOneLine } from "../../src/server/logText.js"
import { get } from "../utils/requests.js"
import { hello, open, withServer } from "../utils/serving.js"

const failing = (thrown: unknown): App => () => {
  throw thrown
}

const cycle = new Error("it is its own cause")
cycle.cause = cycle

const getter = new Error("once")
void getter.stack
Object.defineProperty(getter, "message", {
  get: () => {
    throw new Error("no message")
  }
})

const hostile: unknown = new Proxy(new Error("hostile"), {
  get: () => {
    throw new Error("nothing is to be had")
  }
})

const deep = (): Error => {
  let error = new Error("the first")
  const { stackTraceLimit } = Error
  // the stack of the last error is enough
  Error.stackTraceLimit = 0
  for (let i = 0; i < 30_000; i++) error = new Error("in between", { cause: error })
  Error.stackTraceLimit = stackTraceLimit
  return new Error("the last", { cause: error })
}

describe("a failure whose text cannot be had is logged all the same", () => {
  it.each<[string, unknown, RegExp]>([
    ["its own cause", cycle, /the application failed \(.*\)\n(.*\n)*?.*Error: it is its own cause\n\s+at /],
    ["a message that throws", getter, /the application failed \(.*\)\n\s+Error: once\n\s+at /],
    ["everything throws", hostile, /the application failed \(.*\)\n\s+the failure cannot be rendered/],
    ["causes without end", deep(), /the application failed \(.*\)\n(.*\n)*?.*Error: the last\n\s+at /],
    ["nothing that becomes a text", Object.create(null), /the application failed/]
  ])(
    "%s",
    (_, thrown, expected) =>
      withServer(failing(thrown), { memory: true, noteAccess: true }, async ({ ask, journal, log }) => {
        expect((await ask(get("/"))).status).toBe(500)
        expect(await journal.first(1)).toEqual(["access 500"])
        expect(log.lines.join("\n")).toMatch(expected)
      })
  )
})

describe.skipIf(!fs.existsSync("/dev/full"))("a file that cannot be written", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  const warnings = vi.spyOn(process, "emitWarning")
  afterAll(() => {
    warnings.mockRestore()
    fs.rmSync(folder, { recursive: true })
  })
  const told = () => warnings.mock.calls.filter(([text]) => String(text).startsWith("the log failed"))

  it("is told of once, and written when it can be again, with what was missed", async () => {
    const listeners = process.listenerCount("exit")
    const log = path.join(folder, "log")
    const file = path.join(folder, "file")
    fs.symlinkSync("/dev/full", log)
    warnings.mockImplementation(() => undefined)
    const { connect, running } = await open(hello, { memory: true, log, logFormat: "%(request_line)s" })
    const client = await connect()
    const ask = async (path: string): Promise<void> => {
      client.send(get(path))
      expect((await client.response()).status).toBe(200)
    }
    await vi.waitFor(() => expect(told()).toHaveLength(1))
    expect(told()[0]).toEqual([expect.stringContaining("ENOSPC"), "TsgiWarning"])
    for (let i = 0; i < 5; i++) await ask(`/${i}`)
    fs.unlinkSync(log)
    fs.symlinkSync(file, log)
    await vi.waitFor(async () => {
      await ask("/again")
      expect(fs.readFileSync(file, "utf8")).toContain("/again")
    }, { timeout: 5000, interval: 100 })
    client.close()
    await running.stop({ grace: 0 })
    const lines = fs.readFileSync(file, "utf8").split("\n")
    expect(lines[0]).toContain("starting up")
    expect(lines.slice(1, 6)).toEqual([0, 1, 2, 3, 4].map((i) => `GET /${i} HTTP/1.1`))
    expect(lines.at(-2)).toContain("exited")
    expect(told()).toHaveLength(1)
    expect(process.listenerCount("exit")).toBe(listeners)
  })

  it("does not keep the server from stopping", async () => {
    const log = path.join(folder, "full")
    fs.symlinkSync("/dev/full", log)
    const { running } = await open(hello, { memory: true, log })
    expect(await running.stop()).toEqual(await running.closed)
  })
})

it("text that is harmless stays as it is", () => {
  for (const text of ["plain", "größer 😀 C:\\path \"quoted\""]) {
    expect(inOneLine(text)).toBe(text)
    expect(asEntry(text)).toBe(text)
  }
})
