/** Signals stop a server in a separate process: the first one with grace, the second one at once. */
import * as path from "node:path"
import { handleSignals, OptionError, server } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { program as compiled } from "../utils/made.js"
import { Program } from "../utils/processes.js"
import { get } from "../utils/requests.js"
import { hello } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"

const root = path.resolve(import.meta.dirname, "../..")

const start = async (...args: ReadonlyArray<string>) => startAs([], ...args)

const startAs = async (nodeArgs: ReadonlyArray<string>, ...args: ReadonlyArray<string>) => {
  const program = new Program(process.execPath, [...nodeArgs, await compiled("wsgi/signals"), ...args], { cwd: root })
  const [, port] = await program.line(/^port (\d+)$/)
  return { program, client: await connect(Number(port)) }
}

describe.each(["SIGTERM", "SIGINT"] as const)("%s", (signal) => {
  it("lets a running request end, and then the process", async () => {
    const { client, program } = await start()
    client.send(get("/long"))
    await program.line(/^at work$/)
    program.kill(signal)
    expect((await client.response()).body.toString()).toBe("done")
    expect(await program.ended).toMatchObject({ code: 0, signal: null, stderr: [] })
    expect(program.stdout).toContain("finished 1, interrupted 0")
  })

  it.each(["SIGTERM", "SIGINT"] as const)("and then %s end the process at once", async (second) => {
    const { client, program } = await start("grace")
    client.send(get("/long?for=ever"))
    await program.line(/^at work$/)
    program.kill(signal)
    await program.line(/tsgi exiting$/)
    program.kill(second)
    expect(await program.ended).toMatchObject({ code: null, signal: second })
  })

  // tsx receives the terminal's signal as well, and may pass it on
  const underTsx = ["--require", path.join(root, "node_modules/tsx/dist/preflight.cjs")]

  it("that tsx passes on counts once", async () => {
    const { client, program } = await startAs(underTsx, "copy")
    client.send(get("/long"))
    await program.line(/^at work$/)
    program.kill(signal)
    expect((await client.response()).body.toString()).toBe("done")
    expect(await program.ended).toMatchObject({ code: 0, signal: null, stderr: [] })
  })

  it("and a second one that is not passed on end the process, however soon it comes", async () => {
    const { client, program } = await start("grace", "copy")
    client.send(get("/long?for=ever"))
    await program.line(/^at work$/)
    program.kill(signal)
    expect(await program.ended).toMatchObject({ code: null, signal })
  })
})

describe("the handlers", () => {
  const count = () => process.listenerCount("SIGTERM") + process.listenerCount("SIGINT")

  it("are gone when the server has stopped, or when they are taken back", async () => {
    const before = count()
    const running = server(MemoryListener.make().listener, hello, { logOutput: false })
    const takeBack = handleSignals(running)
    expect(count()).toBe(before + 2)
    takeBack()
    expect(count()).toBe(before)
    handleSignals(running)
    await running.stop()
    await running.closed
    expect(count()).toBe(before)
  })

  it("are not there for invalid options", async () => {
    const before = count()
    await using running = server(MemoryListener.make().listener, hello, { logOutput: false })
    expect(() => handleSignals(running, { grace: NaN })).toThrow(OptionError)
    expect(count()).toBe(before)
  })
})
