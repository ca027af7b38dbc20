/** Processes on a core of their own. */
import { type ChildProcessByStdio, spawn, spawnSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { createInterface } from "node:readline"
import type { Readable, Writable } from "node:stream"
import { setTimeout as sleep } from "node:timers/promises"

export interface Cores {
  readonly server: number
  readonly load: number
}

/** The first two cores that this process may use; `undefined` if there are fewer, or no `taskset`. */
export const usableCores = (): Cores | undefined => {
  if (spawnSync("taskset", ["--version"]).error !== undefined) return undefined
  const list = /^Cpus_allowed_list:\s*(.*)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? ""
  const cores = list.split(",").flatMap((range) => {
    const [first = NaN, last = first] = range.split("-").map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
  const [server, load] = cores
  return server === undefined || load === undefined ? undefined : { server, load }
}

// User and system time; the name of the program, in brackets, may have spaces.
const ticksOf = (pid: string): number => {
  const [user, system] = readFileSync(`/proc/${pid}/stat`, "utf8").replace(/^.*\)/, "").split(" ").slice(12, 14)
  return Number(user) + Number(system)
}

const familyOf = (pid: string): ReadonlyArray<string> => [
  pid,
  ...(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").match(/\d+/g) ?? []).flatMap(familyOf)
]

const running = new Set<Process>()
process.once("exit", () => {
  for (const each of running) each.kill("SIGKILL")
})

export class Process {
  /** Resolves when the process has ended. */
  readonly ended: Promise<number | null>
  private readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  private readonly lines: Array<string> = []
  private readonly errors: Array<string> = []
  private waiting: Array<() => void> = []
  private over = false

  constructor(
    core: number | undefined,
    command: string,
    args: ReadonlyArray<string>,
    env: Readonly<Record<string, string>> = {}
  ) {
    const [file, ...rest] = core === undefined ? [command, ...args] : ["taskset", "-c", String(core), command, ...args]
    this.child = spawn(file, rest, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } })
    running.add(this)
    this.child.stdin.on("error", () => undefined)
    createInterface(this.child.stdout).on("line", (line) => {
      this.lines.push(line)
      this.wake()
    })
    createInterface(this.child.stderr).on("line", (line) => this.errors.push(line))
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        running.delete(this)
        this.over = true
        this.wake()
        resolve(code)
      }
      this.child.once("error", (error) => {
        this.errors.push(error.message)
        end(null)
      })
      this.child.once("close", end)
    })
  }

  get pid(): number {
    return this.child.pid ?? -1
  }

  /** Bytes of memory that are resident. */
  get resident(): number {
    const size = /^VmRSS:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, "utf8"))?.[1]
    if (size === undefined) throw new Error("no VmRSS: Linux is needed")
    return Number(size) * 1024
  }

  /** Resolves when the process is idle: it has used no processor time for 30 ms. */
  async quiet(): Promise<void> {
    let before = NaN
    for (let still = 0; still < 3 && !this.over;) {
      const now = this.ticks
      still = now === before ? still + 1 : 0
      before = now
      await sleep(10)
    }
  }

  // The processor time of the process and of all that it has started.
  private get ticks(): number {
    return familyOf(String(this.pid)).reduce((sum, pid) => sum + ticksOf(pid), 0)
  }

  /** The next line that matches. Earlier lines are dropped. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    while (true) {
      for (let line = this.lines.shift(); line !== undefined; line = this.lines.shift()) {
        const match = pattern.exec(line)
        if (match !== null) return match
      }
      if (this.over) throw new Error(`ended without ${pattern.source}: ${this.errors.join("\n")}`)
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  write(line: string): void {
    this.child.stdin.write(`${line}\n`)
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async stop(): Promise<void> {
    if (!this.over) this.kill("SIGTERM")
    const late = setTimeout(() => this.kill("SIGKILL"), 3000)
    await this.ended
    clearTimeout(late)
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}
