/** Contestants that are programs with several processes. They are started, told to reload, and stopped. */
import { spawn } from "node:child_process"
import { createInterface } from "node:readline"
import type { Serving } from "./work.js"

export interface Signs {
  /** The line with the port. */
  readonly listening: RegExp
  /** Lines that it has printed too when it serves. */
  readonly ready: ReadonlyArray<RegExp>
  /** Its signal for a reload. This process sends it for a SIGHUP. */
  readonly reload: NodeJS.Signals
}

/** Starts a program, and waits for its lines on both outputs. */
export const foreign = (command: string, args: ReadonlyArray<string>, signs: Signs): Promise<Serving> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"] })
    const said: Array<string> = []
    let port = NaN
    let missing = signs.ready
    const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
    const stop = (): Promise<void> => {
      child.kill("SIGTERM")
      return ended
    }
    const read = (line: string): void => {
      said.push(line)
      const found = signs.listening.exec(line)
      if (found !== null) port = Number(found[1])
      missing = missing.filter((pattern) => !pattern.test(line))
      if (port > 0 && missing.length === 0) resolve({ port, stop })
    }
    for (const output of [child.stdout, child.stderr]) createInterface(output).on("line", read)
    child.once("error", reject)
    child.once("close", () => reject(new Error(`${command} ended: ${said.slice(-5).join(" | ")}`)))
    process.on("SIGHUP", () => child.kill(signs.reload))
    process.once("exit", () => child.kill("SIGTERM"))
  })
