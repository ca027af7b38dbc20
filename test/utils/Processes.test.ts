/** What a test leaves behind when it fails: none of the processes that it has started. */
import * as fs from "node:fs"
import * as os from "node:os"
import { expect, it } from "vitest"
import { Program } from "./processes.js"

const isAlive = (pid: string): boolean => {
  try {
    // a zombie has ended
    return !/^State:\s+Z/m.test(fs.readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}

// nginx has workers that neither end with it nor close their output
const parent = `
const { spawn } = require("node:child_process")
const child = spawn(process.execPath, ["-e", "setInterval(() => undefined, 1000)"], { stdio: "inherit" })
console.log("child " + child.pid)
setInterval(() => undefined, 1000)
`

it.skipIf(!fs.existsSync("/proc/self/status"))(
  "a program that is disposed of ends with its children, though they hold its output open",
  async () => {
    let child = ""
    const failing = async (): Promise<void> => {
      await using program = new Program(process.execPath, ["-e", parent], { cwd: os.tmpdir(), group: true })
      const [, pid] = await program.line(/^child (\d+)$/)
      child = pid
      throw new Error("an assertion")
    }
    await expect(failing()).rejects.toThrow("an assertion")
    await expect.poll(() => isAlive(child), { timeout: 10_000 }).toBe(false)
  }
)
