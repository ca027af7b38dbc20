/**
 * The loads that wrk does not make, as a process: `node main.js <json>`. Writes lines of JSON, of which the last
 * ones are the results.
 */
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { Request } from "../scenarios.js"
import { latency } from "./latency.js"
import { head } from "./wire.js"
import { check, connect, fail, say } from "./wires.js"

export type Job =
  | (Common & { readonly _tag: "Continue"; readonly port: number; readonly size: number })
  | (Common & { readonly _tag: "Idle"; readonly port: number })
  | LatencyJob

/** Slices of the time for each port in turn; a result for each of them. */
export interface LatencyJob extends Common {
  readonly _tag: "Latency"
  readonly ports: ReadonlyArray<number>
  /** Requests a second. */
  readonly rate: number
  readonly slices: number
}

interface Common {
  readonly request: Request
  /** Body of the right answer. */
  readonly expected: string
  readonly connections: number
  readonly warmup: number
  readonly seconds: number
}

export interface Result {
  /** Bytes or responses a second, or the 99th percentile in milliseconds. */
  readonly value: number
  readonly details: Readonly<Record<string, number>>
}

// -----------------------------------------------------------------------------------------------------------------
// bodies that wait for a 100, one after another on each connection

const continued = async (job: Extract<Job, { readonly _tag: "Continue" }>): Promise<Result> => {
  const body = Buffer.alloc(job.size, "x")
  const headers = { ...job.request.headers, Expect: "100-continue" }
  const start = Buffer.from(head({ ...job.request, headers }, job.size))
  const wires = await connect(job.port, job.connections)
  let counting = false
  let over = false
  let done = 0
  let last = 0
  for (const wire of wires) {
    let invited = false
    const send = (): void => {
      invited = false
      wire.socket.write(start)
    }
    wire.onContinue = () => {
      invited = true
      wire.socket.write(body)
    }
    wire.onResponse = (response) => {
      check(response, String(job.size))
      if (!invited) fail(new Error("answered without a 100"))
      if (counting) {
        done++
        last = performance.now()
      }
      if (!over) send()
    }
    send()
  }
  await sleep(job.warmup * 1000)
  const begin = performance.now()
  counting = true
  await sleep(job.seconds * 1000)
  counting = false
  over = true
  const seconds = (last - begin) / 1000
  if (done === 0) return { value: 0, details: { responses: 0 } }
  return { value: done / seconds, details: { responses: done } }
}

// -----------------------------------------------------------------------------------------------------------------
// connections that had their answer and wait; whoever started this looks at the server meanwhile

const idle = async (job: Extract<Job, { readonly _tag: "Idle" }>): Promise<Result> => {
  // what the first requests bring into being is no connection's
  const first = await connect(job.port, 16)
  const request = head(job.request)
  for (let round = 0; round < 200; round++) {
    await Promise.all(first.map(async (wire) => {
      const response = wire.response()
      wire.socket.write(request)
      check(await response, job.expected)
    }))
  }
  const input = createInterface(process.stdin)[Symbol.asyncIterator]()
  say({ ready: first.length })
  await input.next()
  const wires = await connect(job.port, job.connections)
  for (const wire of wires) {
    const response = wire.response()
    wire.socket.write(request)
    check(await response, job.expected)
    wire.onFailure = fail
  }
  say({ idle: wires.length })
  await input.next()
  return { value: wires.length, details: {} }
}

const [, , given = ""] = process.argv
const job = JSON.parse(given) as Job

const run = async (): Promise<ReadonlyArray<Result>> => {
  switch (job._tag) {
    case "Continue":
      return [await continued(job)]
    case "Latency":
      return latency(job)
    case "Idle":
      return [await idle(job)]
  }
}

run().then(
  (results) => {
    for (const result of results) say(result)
    process.exit(0)
  },
  (error: unknown) => fail(error instanceof Error ? error : new Error(String(error)))
)
