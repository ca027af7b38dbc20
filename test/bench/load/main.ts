/**
 * The loads that wrk does not make, as a process: `node main.js <json>`. Writes lines of JSON; the last one is the result.
 */
import { createInterface } from "node:readline"
import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises"
import type { Request } from "../scenarios.js"
import { head, type Response, Wire } from "./wire.js"

export type Job =
  | (Common & { readonly _tag: "Continue"; readonly size: number })
  | (Common & { readonly _tag: "Latency"; readonly rate: number })
  | (Common & { readonly _tag: "Idle" })

interface Common {
  readonly port: number
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

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

const fail = (error: Error): void => {
  say({ error: error.message })
  process.exit(1)
}

const connect = async (job: Common): Promise<ReadonlyArray<Wire>> => {
  const wires: Array<Wire> = []
  while (wires.length < job.connections) {
    const batch = Array.from({ length: Math.min(100, job.connections - wires.length) }, () => new Wire(job.port, true))
    await Promise.all(batch.map((wire) => wire.connected()))
    wires.push(...batch)
  }
  for (const wire of wires) wire.onFailure = fail
  return wires
}

const check = (response: Response, expected: string): void => {
  if (response.status !== 200 || response.body !== expected) {
    fail(new Error(`wrong answer: ${response.status} ${response.body.slice(0, 100)}`))
  }
}

const now = (): number => performance.now()

// -----------------------------------------------------------------------------------------------------------------
// bodies that wait for a 100, one after another on each connection

const continued = async (job: Common & { readonly size: number }): Promise<Result> => {
  const body = Buffer.alloc(job.size, "x")
  const headers = { ...job.request.headers, Expect: "100-continue" }
  const start = Buffer.from(head({ ...job.request, headers }, job.size))
  const wires = await connect(job)
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
        last = now()
      }
      if (!over) send()
    }
    send()
  }
  await sleep(job.warmup * 1000)
  const begin = now()
  counting = true
  await sleep(job.seconds * 1000)
  counting = false
  over = true
  const seconds = (last - begin) / 1000
  if (done === 0) return { value: 0, details: { responses: 0 } }
  return { value: done / seconds, details: { responses: done } }
}

// -----------------------------------------------------------------------------------------------------------------
// a fixed rate: every request has its time, and is late from then on, whether it could be sent or not

const latency = async (job: Common & { readonly rate: number }): Promise<Result> => {
  const wires = await connect(job)
  const request = Buffer.from(head(job.request))
  const free: Array<() => void> = []
  const interval = 1000 / job.rate
  const warm = Math.ceil(job.warmup * job.rate)
  const total = warm + Math.ceil(job.seconds * job.rate)
  const late = new Float64Array(total)
  let due = 0
  let sent = 0
  let answered = 0
  let begin = 0
  for (const wire of wires) {
    let current = 0
    const send = (): void => {
      current = sent++
      wire.socket.write(request)
    }
    wire.onResponse = (response) => {
      check(response, job.expected)
      late[current] = now() - (begin + current * interval)
      answered++
      if (sent < due) send()
      else free.push(send)
    }
    free.push(send)
  }
  begin = now() + 10
  let latest = 0
  while (due < total) {
    const passed = Math.floor((now() - begin) / interval) + 1
    if (passed > due) {
      due = Math.min(passed, total)
      while (sent < due) {
        const send = free.pop()
        if (send === undefined) break
        send()
      }
    }
    latest = Math.max(latest, due - sent)
    await turn()
  }
  const limit = now() + 5000
  while (answered < total && now() < limit) await sleep(5)
  const seconds = (now() - begin) / 1000
  if (answered < total) fail(new Error(`${total - answered} of ${total} requests were not answered`))
  const sorted = late.subarray(warm).sort()
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  return {
    value: at(0.99),
    details: {
      p50: at(0.5),
      p90: at(0.9),
      p999: at(0.999),
      max: at(1),
      rate: job.rate,
      reached: total / seconds,
      latest
    }
  }
}

// -----------------------------------------------------------------------------------------------------------------
// connections that had their answer and wait; whoever started this looks at the server meanwhile

const idle = async (job: Common): Promise<Result> => {
  // what the first requests bring into being is no connection's
  const first = await connect({ ...job, connections: 16 })
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
  const wires = await connect(job)
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

const run = (): Promise<Result> => {
  switch (job._tag) {
    case "Continue":
      return continued(job)
    case "Latency":
      return latency(job)
    case "Idle":
      return idle(job)
  }
}

run().then(
  (result) => {
    say(result)
    process.exit(0)
  },
  (error: unknown) => fail(error instanceof Error ? error : new Error(String(error)))
)
