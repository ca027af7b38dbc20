/** Programs in separate processes: their lines, and how they end. */
import { type ChildProcess, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { createInterface } from "node:readline"
import type { Readable } from "node:stream"

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: ReadonlyArray<string>
  readonly stderr: ReadonlyArray<string>
}

const running = new Set<Program>()

/** Ends the programs that are left, such as those of tests that have timed out. */
export const endAll = (): void => {
  for (const program of running) program.end()
}
process.once("exit", endAll)

export class Program implements AsyncDisposable {
  readonly stdout: Array<string> = []
  readonly stderr: Array<string> = []
  readonly ended: Promise<Ended>
  private readonly child: ChildProcess & Record<"stdout" | "stderr", Readable>
  private readonly isGroup: boolean
  private waiting: Array<() => void> = []
  private over = false

  constructor(command: string, args: ReadonlyArray<string>, options: {
    readonly cwd: string
    readonly env?: Readonly<Record<string, string>> | undefined
    /** Whether its children end with it when it is disposed of, where they would not by themselves. Default `false`. */
    readonly group?: boolean
  }) {
    this.isGroup = options.group === true
    this.child = spawn(command, args, {
      cwd: options.cwd,
      // the leader of a process group of its own
      detached: this.isGroup,
      env: { ...process.env, NO_COLOR: "1", ...options.env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    for (const name of ["stdout", "stderr"] as const) {
      createInterface(this.child[name]).on("line", (line) => {
        this[name].push(line)
        this.wake()
      })
    }
    running.add(this)
    this.ended = new Promise((resolve) => {
      this.child.once("close", (code, signal) => {
        running.delete(this)
        this.over = true
        this.wake()
        resolve({ code, signal, stdout: this.stdout, stderr: this.stderr })
      })
    })
  }

  get pid(): number | undefined {
    return this.child.pid
  }

  /** Waits for a line on either output that matches, and returns the match. Rejects if the program ends without one. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    const looked = { stdout: 0, stderr: 0 }
    while (true) {
      for (const name of ["stdout", "stderr"] as const) {
        for (const line of this[name].slice(looked[name])) {
          const match = pattern.exec(line)
          if (match !== null) return match
        }
        looked[name] = this[name].length
      }
      if (this.over) throw new Error(`ended without ${pattern}:\n${[...this.stdout, ...this.stderr].join("\n")}`)
      await new Promise<void>((resolve) => this.waiting.push(resolve))
    }
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.end()
    await this.ended
  }

  /** Kills it at once, and its group. */
  end(): void {
    if (this.over) return
    if (!this.isGroup || this.pid === undefined) return void this.child.kill("SIGKILL")
    try {
      process.kill(-this.pid, "SIGKILL")
    } catch {
      // all of them have ended
    }
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve()
  }
}

/** Runs a program to its end. */
export const run = (
  command: string,
  args: ReadonlyArray<string>,
  options: ConstructorParameters<typeof Program>[2]
): Promise<Ended> => new Program(command, args, options).ended

/** The path of the first of these programs that this machine has. */
export const installed = (...names: ReadonlyArray<string>): string | undefined => {
  const folders = [...(process.env.PATH ?? "").split(path.delimiter), "/usr/sbin", "/usr/local/sbin"]
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find((file) => fs.existsSync(file))
}
