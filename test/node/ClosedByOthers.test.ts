/**
 * If other code closes the listening socket, the server stops as if it had been told to, and the process can exit.
 *
 * The family: a cluster's worker that is disconnected; code that finds the server among the process's handles and closes it, or
 * closes its handle.
 */
import { spawn } from "node:child_process"
import { Server } from "node:net"
import { describe, expect, it } from "vitest"
import { program } from "../utils/made.js"
import { get } from "../utils/requests.js"
import { hello, open } from "../utils/serving.js"
import { connect } from "../utils/sockets.js"

/** The listening sockets of this process. */
const listening = (): ReadonlyArray<Server> => {
  const handles: unknown = Reflect.apply(Reflect.get(process, "_getActiveHandles") as () => unknown, process, [])
  return Array.isArray(handles) ? handles.filter((handle): handle is Server => handle instanceof Server) : []
}

describe.each<readonly [string, (server: Server) => void]>([
  ["the server", (found) => found.close()],
  ["its handle", (found) => (Reflect.get(found, "_handle") as { readonly close: () => void }).close()]
])("somebody closes %s", (_, close) => {
  it("stops it", async () => {
    const before = listening()
    await using served = await open(hello, {})
    const { address, running } = served
    const idle = await served.connect()
    idle.send(get("/"))
    await idle.response()
    const [found] = listening().filter((each) => !before.includes(each))
    close(found)
    expect(await running.closed).toMatchObject({ connections: 1, idle: 1 })
    await idle.whenEnded()
    idle.close()
    await expect(connect(address)).rejects.toMatchObject({ code: "ECONNREFUSED" })
    expect(await running.stop()).toEqual(await running.closed)
  })
})

it.each(["SCHED_RR", "SCHED_NONE"])("a cluster's worker that is disconnected ends: %s", async (policy) => {
  const child = spawn(process.execPath, [await program("node/disconnected"), policy], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let said = ""
  child.stdout.on("data", (bytes: Buffer) => said += bytes.toString())
  await new Promise((resolve) => child.once("close", resolve))
  expect(said).toBe("closed\nexited 0\n")
})
