/** Processes that inherit one listening socket, and serve on it when they are told to. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as Net from "node:net"
import { fileURLToPath } from "node:url"
import { type Address, listen, type RunningServer, server } from "tsgi"
import { hello } from "./fixture.js"

export interface Child {
  /** `serve` ends when the child serves, `stop` when it has ended. */
  readonly tell: (order: "serve" | "stop") => Promise<void>
}

/** Starts processes, all with the same listening socket. It stays open as long as one of them has it. */
export const startChildren = async (
  count: number
): Promise<{ readonly address: Address; readonly children: ReadonlyArray<Child> }> => {
  const holder = Net.createServer()
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve))
  const bound = holder.address()
  const handle: unknown = Reflect.get(holder, "_handle")
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined
  if (bound === null || typeof bound === "string" || typeof fd !== "number") throw new Error("not bound")
  const processes = Array.from(
    { length: count },
    () =>
      spawn(process.execPath, ["--import", "tsx", fileURLToPath(import.meta.url), "inherited"], {
        stdio: ["ignore", "inherit", "inherit", fd, "ipc"]
      })
  )
  await Promise.all(processes.map((child) => once(child, "message")))
  // only the children listen from here on
  await new Promise((resolve) => holder.close(resolve))
  return { address: { _tag: "Tcp", host: bound.address, port: bound.port }, children: processes.map(childOf) }
}

const childOf = (child: ChildProcess): Child => ({
  tell: async (order) => {
    const done = order === "serve" ? once(child, "message") : once(child, "exit")
    child.send(order)
    await done
  }
})

if (process.argv[2] === "inherited") {
  let running: RunningServer | undefined = undefined
  const obey = async (order: unknown): Promise<void> => {
    if (order === "serve") {
      running = server(listen({ fd: 3 }), hello, { logOutput: false })
      await running.ready
      process.send?.("serving")
    } else {
      await running?.stop()
      process.disconnect()
    }
  }
  process.on("message", (order) => {
    obey(order).catch((error: unknown) => {
      process.exitCode = 1
      throw error
    })
  })
  process.send?.("started")
}
