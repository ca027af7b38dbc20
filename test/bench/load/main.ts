/**
 * The loads that wrk does not make, as a process: `node main.js <json>`. Writes lines of JSON; the last one has the
 * results.
 */
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import type { ContinueJob, IdleJob, Job, ReloadJob, Result } from "./job.js"
import { latency } from "./latency.js"
import { Probe } from "./Probe.js"
import { check, connect, head } from "./wire.js"

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`)
}

/** One failure is enough. */
const fail = (error: Error): void => {
  say({ error: error.message })
  process.exit(1)
}

// ----------------------------------------------------------------------------------------------------------------- bodies that
// wait for a 100, one after the other on each connection

const continued = async (job: ContinueJob): Promise<Result> => {
  const body = Buffer.alloc(job.size, "x")
  const headers = { ...job.request.headers, Expect: "100-continue" }
  const start = Buffer.from(head({ ...job.request, headers }, job.size))
  const wires = await connect(job.port, job.connections, fail)
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
      check(response, String(job.size), fail)
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

// ----------------------------------------------------------------------------------------------------------------- connections
// that had their answer and wait; the parent process measures the server meanwhile

const idle = async (job: IdleJob): Promise<Result> => {
  // what the first requests create does not belong to a connection
  const first = await connect(job.port, 16, fail)
  const request = head(job.request)
  for (let round = 0; round < 200; round++) {
    await Promise.all(first.map(async (wire) => {
      const response = wire.response()
      wire.socket.write(request)
      check(await response, job.expected, fail)
    }))
  }
  const input = createInterface(process.stdin)[Symbol.asyncIterator]()
  say({ ready: first.length })
  await input.next()
  const wires = await connect(job.port, job.connections, fail)
  for (const wire of wires) {
    const response = wire.response()
    wire.socket.write(request)
    check(await response, job.expected, fail)
    wire.onFailure = fail
  }
  say({ idle: wires.length })
  await input.next()
  return { value: wires.length, details: {} }
}

// ----------------------------------------------------------------------------------------------------------------- clients that
// send requests all the time, and count those that are not answered, while the parent process reloads the server

const reloaded = async (job: ReloadJob): Promise<Result> => {
  const input = createInterface(process.stdin)[Symbol.asyncIterator]()
  const kinds = (["keep", "close"] as const).map((mode) =>
    new Probe(job.port, job.connections / 2, job.request.path, mode)
  )
  await Promise.all(kinds.map((probe) => probe.answers(100, 10_000)))
  say({ ready: job.connections })
  await input.next()
  await Promise.all(kinds.map((probe) => probe.stop()))
  const [kept, fresh] = kinds
  return {
    value: kept.lost + fresh.lost,
    details: { kept: kept.lost, fresh: fresh.lost, answered: kept.answered + fresh.answered }
  }
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
    case "Reload":
      return [await reloaded(job)]
  }
}

run().then(
  (results) => {
    say({ results })
    process.exit(0)
  },
  (error: unknown) => fail(error instanceof Error ? error : new Error(String(error)))
)
