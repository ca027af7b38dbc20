/** Processes that inherit one listening socket, TCP or unix, and serve on it when they are told to. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import * as fs from "node:fs"
import * as Net from "node:net"
import type { Address } from "tsgi"
import { program } from "../utils/made.js"

export interface Child {
  /** Makes the child serve. Resolves with the address that the child reports. */
  readonly serve: () => Promise<Address>
  /** Stops the child. Resolves when it has ended. */
  readonly stop: () => Promise<void>
}

/** Starts processes with the same listening socket, which stays open as long as one of them has it. */
export const startChildren = async (
  count: number,
  path?: string
): Promise<{ readonly address: Address; readonly children: ReadonlyArray<Child> }> => {
  const holder = Net.createServer()
  await new Promise<void>((resolve) =>
    path === undefined ? holder.listen(0, "127.0.0.1", resolve) : holder.listen(`${path}.holder`, resolve)
  )
  const bound = holder.address()
  const handle: unknown = Reflect.get(holder, "_handle")
  const fd: unknown = typeof handle === "object" && handle !== null ? Reflect.get(handle, "fd") : undefined
  if (bound === null || typeof fd !== "number") throw new Error("not bound")
  const inherited = await program("wsgi/inherited")
  const processes = Array.from(
    { length: count },
    () => spawn(process.execPath, [inherited], { stdio: ["ignore", "inherit", "inherit", fd, "ipc"] })
  )
  await Promise.all(processes.map((child) => once(child, "message")))
  // the process that closes a unix socket removes its file
  if (path !== undefined) fs.renameSync(`${path}.holder`, path)
  // from now on only the children listen
  await new Promise((resolve) => holder.close(resolve))
  return {
    address: typeof bound === "string"
      ? { _tag: "Unix", path: path ?? bound }
      : { _tag: "Tcp", host: bound.address, port: bound.port },
    children: processes.map(childOf)
  }
}

const childOf = (child: ChildProcess): Child => ({
  serve: async () => {
    const serving = once(child, "message")
    child.send("serve")
    const [address] = await serving as [Address]
    return address
  },
  stop: async () => {
    const ended = once(child, "exit")
    child.send("stop")
    await ended
  }
})
