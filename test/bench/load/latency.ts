/**
 * Requests at a fixed rate: each has its time, and is late from then on, whether it could be sent or not. One load for all
 * servers, in slices in turn, so that what the load itself does, and what the machine does, is the same for each of them.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { LatencyJob, Result } from "./job.js"
import { check, connect, head, type Wire } from "./wire.js"

/** Milliseconds between two slices: what a server leaves to be done behind its answers is done in nobody else's time. */
const rest = 30

/** One slice of a server's time. */
interface Slice {
  /** By how many milliseconds each answer was late, sorted. */
  readonly late: Float64Array
  /** The longest time, in milliseconds, that the load itself did not look for requests that were due. */
  readonly stalled: number
}

/** A result for each server, in their order. */
export const latency = async (job: LatencyJob): Promise<ReadonlyArray<Result>> => {
  const { seconds, servers, slices, warmup } = job
  const lanes: Array<Lane> = []
  try {
    for (const server of servers) lanes.push(await Lane.to(server, job))
    if (warmup > 0) { for (const lane of lanes) await lane.slice(warmup) }
    const found = new Map(lanes.map((lane) => [lane, new Array<Slice>()]))
    for (let i = 0; i < slices; i++) {
      // back and forth: what disturbs the machine once a second would find the same server each time
      const order = i % 2 === 0 ? lanes : [...lanes].reverse()
      for (const lane of order) {
        await sleep(rest)
        found.get(lane)?.push(await lane.slice(seconds / slices))
      }
    }
    return [...found.values()].map(result)
  } finally {
    for (const lane of lanes) lane.close()
  }
}

/** A server and the connections to it. */
class Lane {
  private readonly request: Buffer
  private wires: ReadonlyArray<Wire> = []
  private failure: Error | undefined = undefined

  private constructor(private readonly name: string, private readonly job: LatencyJob) {
    this.request = Buffer.from(head(job.request))
  }

  static async to({ name, port }: LatencyJob["servers"][number], job: LatencyJob): Promise<Lane> {
    const lane = new Lane(name, job)
    lane.wires = await connect(port, job.connections, lane.fail)
    return lane
  }

  async slice(seconds: number): Promise<Slice> {
    const { expected, rate } = this.job
    const interval = 1000 / rate
    const total = Math.ceil(seconds * rate)
    const late = new Float64Array(total)
    // in turn, so that none of them is left without a request
    const free: Array<() => void> = []
    const begin = performance.now() + 1
    let due = 0
    let sent = 0
    let answered = 0
    for (const wire of this.wires) {
      let current = 0
      const send = (): void => {
        current = sent++
        wire.socket.write(this.request)
      }
      wire.onResponse = (response) => {
        late[current] = performance.now() - (begin + current * interval)
        check(response, expected, this.fail)
        answered++
        if (sent < due) send()
        else free.push(send)
      }
      free.push(send)
    }
    const stalled = await this.turns((now) => {
      due = Math.min(total, Math.floor((now - begin) / interval) + 1)
      while (sent < due) {
        const send = free.shift()
        if (send === undefined) break
        send()
      }
      return answered < total
    }, begin + seconds * 1000 + 5000)
    if (answered < total) this.fail(new Error(`${total - answered} of ${total} requests were not answered`))
    if (this.failure !== undefined) throw this.failure
    return { late: late.sort(), stalled }
  }

  close(): void {
    for (const wire of this.wires) wire.close()
  }

  private readonly fail = ({ message }: Error): void => {
    this.failure ??= new Error(`${this.name}: ${message}`)
  }

  // Each turn of the event loop until there is nothing left to do, or it failed, or it is too late; the longest of them.
  private turns(step: (now: number) => boolean, latest: number): Promise<number> {
    return new Promise((resolve) => {
      let longest = 0
      let before = performance.now()
      const turn = (): void => {
        const now = performance.now()
        longest = Math.max(longest, now - before)
        before = now
        // a callback and no promise: it would make garbage in each turn
        if (step(now) && now < latest && this.failure === undefined) setImmediate(turn)
        else resolve(longest)
      }
      turn()
    })
  }
}

const result = (slices: ReadonlyArray<Slice>): Result => {
  const all = Float64Array.from(slices.flatMap(({ late }) => [...late])).sort()
  return {
    value: at(all, 0.99),
    details: {
      p50: at(all, 0.5),
      p90: at(all, 0.9),
      p999: at(all, 0.999),
      max: at(all, 1),
      // what is left where the machine did the least beside it
      "least p99": Math.min(...slices.map(({ late }) => at(late, 0.99))),
      "load stalled": Math.max(...slices.map(({ stalled }) => stalled))
    }
  }
}

const at = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
