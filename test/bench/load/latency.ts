/**
 * Requests at a fixed rate: each has its time, and is late from then on, whether it could be sent or not. One load for all
 * servers, in slices in turn, so that what the load itself does, and what the machine does, is the same for each of them.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from "node:timers/promises"
import type { LatencyJob, Result } from "./main.js"
import { head, type Wire } from "./wire.js"
import { check, connect, fail } from "./wires.js"

export const latency = async (job: LatencyJob): Promise<ReadonlyArray<Result>> => {
  const { connections, ports, seconds, slices, warmup } = job
  const lanes: Array<{ readonly wires: ReadonlyArray<Wire>; readonly late: Array<Float64Array> }> = []
  for (const port of ports) lanes.push({ wires: await connect(port, connections), late: [] })
  if (warmup > 0) { for (const { wires } of lanes) await slice(job, wires, warmup) }
  for (let i = 0; i < slices; i++) {
    // back and forth: what disturbs the machine once a second would find the same server each time
    const order = i % 2 === 0 ? lanes : [...lanes].reverse()
    for (const { late, wires } of order) late.push(await slice(job, wires, seconds / slices))
  }
  for (const { wires } of lanes) for (const wire of wires) wire.close()
  return lanes.map(({ late }) => result(late))
}

/** By how many milliseconds each answer was late. */
const slice = async (job: LatencyJob, wires: ReadonlyArray<Wire>, seconds: number): Promise<Float64Array> => {
  const request = Buffer.from(head(job.request))
  const interval = 1000 / job.rate
  const total = Math.ceil(seconds * job.rate)
  const late = new Float64Array(total)
  const begin = performance.now() + 1
  const free: Array<() => void> = []
  let due = 0
  let sent = 0
  let answered = 0
  for (const wire of wires) {
    let current = 0
    const send = (): void => {
      current = sent++
      wire.socket.write(request)
    }
    wire.onResponse = (response) => {
      late[current] = performance.now() - (begin + current * interval)
      check(response, job.expected)
      answered++
      if (sent < due) send()
      else free.push(send)
    }
    free.push(send)
  }
  while (due < total) {
    const passed = Math.floor((performance.now() - begin) / interval) + 1
    if (passed > due) {
      due = Math.min(passed, total)
      while (sent < due) {
        const send = free.pop()
        if (send === undefined) break
        send()
      }
    }
    await nextTurn()
  }
  const limit = performance.now() + 5000
  while (answered < total && performance.now() < limit) await sleep(1)
  if (answered < total) fail(new Error(`${total - answered} of ${total} requests were not answered`))
  return late.sort()
}

const result = (slices: ReadonlyArray<Float64Array>): Result => {
  const all = Float64Array.from(slices.flatMap((slice) => [...slice])).sort()
  return {
    value: at(all, 0.99),
    details: {
      p50: at(all, 0.5),
      p90: at(all, 0.9),
      p999: at(all, 0.999),
      max: at(all, 1),
      // what is left where the machine did the least beside it
      "least p99": Math.min(...slices.map((slice) => at(slice, 0.99)))
    }
  }
}

const at = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
