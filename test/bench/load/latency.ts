/**
 * Requests at a fixed rate: each has its time, and is late from then on, even if it could not be sent. One load serves all
 * servers in turn, in slices, so that the effects of the load itself and of the machine are the same for each.
 */
import { setTimeout as sleep } from "node:timers/promises"
import type { LatencyJob, Result } from "./job.js"
import { check, connect, head, type Response, type Wire } from "./wire.js"

/** Milliseconds between two slices, so that work that a server does after its answers is not done in the slice of another. */
const rest = 30
/** Milliseconds that the last answers of a slice may take. */
const patience = 5000

/** One slice of a server's time. */
interface Slice {
  /** By how many milliseconds each answer was late, sorted. */
  readonly late: Float64Array
  /** The longest time, in milliseconds, for which the load itself did not look for due requests. */
  readonly stalled: number
}

/** A result for each server, in their order. */
export const latency = async (job: LatencyJob): Promise<ReadonlyArray<Result>> => {
  const { seconds, servers, slices, warmup } = job
  const lanes: Array<Lane> = []
  try {
    for (const server of servers) lanes.push(await Lane.to(server, job))
    const length = seconds / slices
    // the first slices do not count, because V8 has only compiled the load after the end of a slice and the begin of another
    const first = Math.ceil(warmup / length)
    for (let i = 0; i < first + slices; i++) {
      // the order alternates, because a disturbance once a second would otherwise always meet the same server
      const order = i % 2 === 0 ? lanes : [...lanes].reverse()
      for (const lane of order) {
        await sleep(rest)
        const slice = await lane.slice(length)
        if (i >= first) lane.slices.push(slice)
      }
    }
    return lanes.map((lane) => result(lane.slices))
  } finally {
    for (const lane of lanes) lane.close()
  }
}

/**
 * A server and the connections to it. All functions are made once: those made for each slice would be compiled anew, on a
 * thread that shares the load's core, and requests would be late by milliseconds for it.
 */
class Lane {
  /** Those that count. */
  readonly slices: Array<Slice> = []
  private readonly request: Buffer
  private readonly interval: number
  // the caller that was free for the longest time is next, so that each gets requests
  private readonly free: Array<Caller> = []
  private wires: ReadonlyArray<Wire> = []
  private failure: Error | undefined = undefined
  private late = new Float64Array(0)
  private begin = 0
  private due = 0
  private sent = 0
  private answered = 0
  private before = 0
  private stalled = 0
  private over: () => void = () => undefined

  private constructor(private readonly name: string, private readonly job: LatencyJob) {
    this.request = Buffer.from(head(job.request))
    this.interval = 1000 / job.rate
  }

  static async to({ name, port }: LatencyJob["servers"][number], job: LatencyJob): Promise<Lane> {
    const lane = new Lane(name, job)
    lane.wires = await connect(port, job.connections, lane.fail)
    for (const wire of lane.wires) {
      const caller = new Caller(wire)
      wire.onResponse = (response) => lane.receive(caller, response)
      lane.free.push(caller)
    }
    return lane
  }

  async slice(seconds: number): Promise<Slice> {
    this.late = new Float64Array(Math.ceil(seconds * this.job.rate))
    this.due = 0
    this.sent = 0
    this.answered = 0
    this.stalled = 0
    this.before = performance.now()
    this.begin = this.before + 1
    await new Promise<void>((resolve) => {
      this.over = resolve
      this.turn()
    })
    const unanswered = this.late.length - this.answered
    if (unanswered > 0) this.fail(new Error(`${unanswered} of ${this.late.length} requests were not answered`))
    if (this.failure !== undefined) throw this.failure
    return { late: this.late.sort(), stalled: this.stalled }
  }

  close(): void {
    for (const wire of this.wires) wire.close()
  }

  // Runs in each turn of the event loop until all are answered. It is a callback, because a promise would make garbage in each
  // turn.
  private readonly turn = (): void => {
    const now = performance.now()
    const passed = now - this.begin
    const total = this.late.length
    this.stalled = Math.max(this.stalled, now - this.before)
    this.before = now
    this.due = Math.min(total, Math.floor(passed / this.interval) + 1)
    while (this.sent < this.due) {
      const caller = this.free.shift()
      if (caller === undefined) break
      this.send(caller)
    }
    const tooLate = passed > total * this.interval + patience
    if (this.answered === total || tooLate || this.failure !== undefined) this.over()
    else setImmediate(this.turn)
  }

  private send(caller: Caller): void {
    caller.current = this.sent++
    caller.wire.socket.write(this.request)
  }

  private receive(caller: Caller, response: Response): void {
    this.late[caller.current] = performance.now() - (this.begin + caller.current * this.interval)
    check(response, this.job.expected, this.fail)
    this.answered++
    if (this.sent < this.due) this.send(caller)
    else this.free.push(caller)
  }

  private readonly fail = ({ message }: Error): void => {
    this.failure ??= new Error(`${this.name}: ${message}`)
  }
}

/** A connection with at most one request at a time. */
class Caller {
  /** The index of the request of the slice that it has sent. */
  current = 0

  constructor(readonly wire: Wire) {}
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
      // this is the slice in which the machine did the least besides
      "least p99": Math.min(...slices.map(({ late }) => at(late, 0.99))),
      "load stalled": Math.max(...slices.map(({ stalled }) => stalled))
    }
  }
}

const at = (sorted: Float64Array, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
