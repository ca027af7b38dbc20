/**
 * Two runners of Effect Cluster, separate programs that share a database, with each transport. An entity lives on one of them,
 * whichever is asked. When that one is told to stop under load, the other takes the entity over, and no call is lost.
 */
import { SqlClient } from "@effect/sql"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Effect } from "effect"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, describe, expect, it } from "vitest"
import { examples } from "../utils/made.js"
import { freePorts } from "../utils/ports.js"
import { Program } from "../utils/processes.js"
import { folderFor } from "../utils/programs.js"

const folder = folderFor("cluster")
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }))

interface Answer {
  readonly count: number
  readonly runner: number
}

class Runner {
  private constructor(readonly program: Program, readonly own: number, private readonly port: number) {}

  static async start(compiled: string, env: Readonly<Record<string, string>>, own: number): Promise<Runner> {
    const program = new Program(process.execPath, [path.join(compiled, "effect/cluster.mjs")], {
      cwd: folder,
      // otherwise a runner takes 3 seconds to hear of another one
      env: { ...env, PORT: "0", RUNNER_PORT: `${own}`, REFRESH_ASSIGNMENTS_INTERVAL: "1 second" }
    })
    const [, port] = await program.line(/Listening on http:\/\/0\.0\.0\.0:(\d+)/)
    return new Runner(program, own, Number(port))
  }

  async increment(name: string): Promise<Answer> {
    const response = await fetch(`http://127.0.0.1:${this.port}/counters/${name}`, { method: "POST" })
    const text = await response.text()
    const [, count, runner] = /: (\d+), by the runner at (\d+)\n$/.exec(text) ??
      expect.fail(`${response.status} ${text}`)
    return { count: Number(count), runner: Number(runner) }
  }
}

/** The counters in the database at the end. */
const counted = (filename: string): Promise<ReadonlyArray<{ readonly name: string; readonly count: number }>> =>
  Effect.runPromise(
    Effect.flatMap(
      SqlClient.SqlClient,
      (sql) => sql<{ readonly name: string; readonly count: number }>`SELECT name, count FROM counters`
    ).pipe(Effect.provide(SqliteClient.layer({ filename })))
  )

describe.concurrent.each(["http", "websocket"])("over %s", (transport) => {
  it("an entity survives the stop of its runner", { timeout: 180_000 }, async () => {
    const compiled = await examples()
    const filename = path.join(folder, `${transport}.db`)
    const env = { TRANSPORT: transport, DATABASE: filename }
    const [a, b] = await freePorts(2)
    const first = await Runner.start(compiled, env, a)
    await using _first = first.program
    const second = await Runner.start(compiled, env, b)
    await using _second = second.program

    // a new counter lives on one of the two
    const found = new Map<number, string>()
    const given = new Map<string, number>()
    for (let i = 0; found.size < 2; i++) {
      const name = `counter-${i}`
      const { count, runner } = await first.increment(name)
      expect(count).toBe(1)
      given.set(name, count)
      found.set(runner, name)
    }
    expect([...found.keys()].sort()).toEqual([a, b].sort())

    // the calls go to the other runner while theirs stops: all at once, and again and again until the survivor has answered for
    // each
    const names = [found.get(a) ?? "", found.get(b) ?? ""]
    const asked = names.map(async (name) => {
      for (let before = 0;;) {
        const { count, runner } = await second.increment(name)
        expect(count).toBeGreaterThan(before)
        before = count
        given.set(name, count)
        if (stopped && runner === b) return
      }
    })
    let stopped = false
    first.program.kill("SIGTERM")
    const { code, stderr } = await first.program.ended
    expect([code, stderr]).toEqual([0, []])
    stopped = true
    await Promise.all(asked)

    second.program.kill("SIGTERM")
    const ended = await second.program.ended
    expect([ended.code, ended.stderr]).toEqual([0, []])
    expect(Object.fromEntries((await counted(filename)).map(({ count, name }) => [name, count])))
      .toEqual(Object.fromEntries(given))
  })
})
