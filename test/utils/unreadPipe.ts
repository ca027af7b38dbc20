/** A pipe to a process that does not read it, by its descriptor. */
import { spawn } from "node:child_process"
import { once } from "node:events"
import { Socket } from "node:net"
import { descriptorOf } from "../../src/node/internal.js"

export interface UnreadPipe {
  readonly fd: number
  /** Closes the descriptor, and ends the process. */
  readonly close: () => Promise<void>
}

export const unreadPipe = (): UnreadPipe => {
  const reader = spawn("sleep", ["60"], { stdio: ["pipe", "ignore", "ignore"] })
  const { stdin } = reader
  if (!(stdin instanceof Socket)) throw new Error("no socket")
  return {
    fd: descriptorOf(stdin),
    close: async () => {
      stdin.destroy()
      await once(stdin, "close")
      reader.kill()
    }
  }
}
