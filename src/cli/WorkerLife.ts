/**
 * What is known about a worker, and the steps of its life: it starts, serves, leaves and ends.
 *
 * @since 0.2.0
 */
import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { total, zero } from "../server/ServerMetrics.js"
import type { BootError } from "./BootError.js"
import { fallen } from "./fallenCounters.js"
import type { Beat, FromWorker, Interface } from "./messages.js"
import type { Reason, WorkerLimits, WorkerTimeouts } from "./Plan.js"
import type { Child, ChildExit } from "./Spawner.js"

/**
 * @since 0.2.0
 * @category models
 */
export type WorkerState = "booting" | "ready" | "settling" | "draining" | "hung" | "gone"

/**
 * @since 0.2.0
 * @category models
 */
export interface WorkerOptions {
  readonly slot: number
  readonly generation: number
  /** Milliseconds since the epoch. */
  readonly startedAt: number
  /** Milliseconds of the monotonic clock. */
  readonly begun: number
  readonly limits: WorkerLimits
  readonly timeouts: WorkerTimeouts
}

type Ready = Extract<FromWorker, { readonly type: "ready" }>
type Stopped = Extract<FromWorker, { readonly type: "stopped" }>

/**
 * Milliseconds without a beat after which a worker counts as hung. A worker beats each second.
 *
 * @since 0.2.0
 * @category constants
 */
export const hungAfter = 2500

/** The number of seconds for which the status shows requests, and one more, which has the count before them. */
const mostCounts = 61

/**
 * The state of a worker. Times are in milliseconds of the monotonic clock, unless their comment says otherwise.
 *
 * @since 0.2.0
 * @category models
 */
export class Worker {
  /** Done when the worker serves; failed if it never will. */
  readonly ready = Deferred.unsafeMake<void, BootError>(FiberId.none)
  /** Done when the worker accepts no more connections. */
  readonly draining = Deferred.unsafeMake<void>(FiberId.none)
  readonly exited = Deferred.unsafeMake<ChildExit>(FiberId.none)
  /** Names of the app's counters that have fallen. */
  readonly fallenCounters = new Set<string>()
  private readonly counts: Array<number> = []
  private running: Child | undefined = undefined
  private latest: Beat = noBeat
  private told: Pick<Ready, "interface" | "warnings"> | undefined = undefined
  private report: Pick<Stopped, "cut" | "interrupted"> | undefined = undefined
  private loaded = false
  private heardAt: number
  private readyAfter: number | undefined = undefined
  private leftAt: number | undefined = undefined
  private superseded = false
  private ended = false
  private silent = 0
  private largeSince: number | undefined = undefined
  private retiredFor: Reason | undefined = undefined
  private endsOf: string | undefined = undefined

  constructor(private readonly options: WorkerOptions) {
    this.heardAt = options.begun
  }

  get slot(): number {
    return this.options.slot
  }

  get generation(): number {
    return this.options.generation
  }

  /** Milliseconds since the epoch. */
  get startedAt(): number {
    return this.options.startedAt
  }

  get begun(): number {
    return this.options.begun
  }

  get limits(): WorkerLimits {
    return this.options.limits
  }

  get timeouts(): WorkerTimeouts {
    return this.options.timeouts
  }

  get child(): Child | undefined {
    return this.running
  }

  get pid(): number {
    return this.running?.pid ?? 0
  }

  /** `worker 1 (4720)` */
  get name(): string {
    return `worker ${this.slot}${this.running === undefined ? "" : ` (${this.pid})`}`
  }

  /** The last beat of the worker. */
  get beat(): Beat {
    return this.latest
  }

  get lastBeat(): number {
    return this.heardAt
  }

  get requests(): number {
    return total(this.latest.metrics.requests)
  }

  /** Requests in each of the last sixty seconds, oldest first: none in those of a hang. */
  get requestsPerSecond(): ReadonlyArray<number> {
    const counted = this.counts.slice(1).map((count, i) => count - this.counts[i])
    const hung = this.isHung ? Math.min(mostCounts, Math.floor(this.silent / 1000)) : 0
    return [...counted, ...Array<number>(hung).fill(0)].slice(1 - mostCounts)
  }

  /** The kind of the app; `undefined` until the worker is ready. */
  get interface(): Exclude<Interface, "auto"> | undefined {
    return this.told?.interface
  }

  /** Warnings that the app does what is the command's part. */
  get warnings(): ReadonlyArray<string> {
    return this.told?.warnings ?? []
  }

  /** The numbers of cut and interrupted connections at its stop, if the worker has reported them. */
  get stopReport(): Pick<Stopped, "cut" | "interrupted"> | undefined {
    return this.report
  }

  /** Milliseconds that the start took; `undefined` until the worker is ready. */
  get readyIn(): number | undefined {
    return this.readyAfter
  }

  /** Whether the module of its app is loaded. */
  get isLoaded(): boolean {
    return this.loaded
  }

  get isReady(): boolean {
    return this.readyAfter !== undefined && this.leftAt === undefined && !this.ended
  }

  /** Whether it serves: it is ready, and its event loop runs. */
  get isServing(): boolean {
    return this.isReady && !this.isHung
  }

  get isHung(): boolean {
    return this.silent > hungAfter
  }

  /** How long it was silent when that was last looked at, in milliseconds; 0 after a beat. */
  get silence(): number {
    return this.silent
  }

  get isGone(): boolean {
    return this.ended
  }

  /** Whether another worker has the slot, and takes the clients. */
  get isSuperseded(): boolean {
    return this.superseded
  }

  /** The reason why the supervisor ends the worker; `undefined` if it does not. */
  get reason(): Reason | undefined {
    return this.retiredFor
  }

  /** What it told that its process ends of. */
  get cause(): string | undefined {
    return this.endsOf
  }

  stateAt(now: number): WorkerState {
    if (this.ended) return "gone"
    if (this.leftAt !== undefined) return now - this.leftAt < this.timeouts.settle ? "settling" : "draining"
    if (this.readyAfter === undefined) return "booting"
    return this.isHung ? "hung" : "ready"
  }

  /** Called when the process has started. */
  runs(child: Child): void {
    this.running = child
  }

  /** Called for each message, which shows that the event loop runs. */
  hears(now: number): void {
    this.heardAt = now
  }

  /** Called when the module of its app is loaded. */
  loads(): void {
    this.loaded = true
  }

  /** Called when the worker serves. */
  serves(told: Pick<Ready, "interface" | "warnings">, now: number): void {
    this.told = told
    this.readyAfter = Math.round(now - this.begun)
    Deferred.unsafeDone(this.ready, Exit.void)
  }

  /** Called when it is known that the worker will not serve, or why its process ends. */
  fails(error: BootError): void {
    if (this.readyAfter !== undefined && error.reason === "load") this.endsOf = error.message
    Deferred.unsafeDone(this.ready, Exit.fail(error))
  }

  beats(beat: Beat): void {
    for (const name of fallen(this.latest.series, beat.series)) this.fallenCounters.add(name)
    this.latest = beat
    this.silent = 0
    this.counts.push(this.requests)
    if (this.counts.length > mostCounts) this.counts.shift()
  }

  /**
   * Milliseconds for which the worker was silent.
   *
   * @param slept milliseconds for which the whole machine slept, which do not count
   */
  silenceAt(now: number, slept: number): number {
    this.heardAt += slept
    this.silent = now - this.heardAt
    return this.silent
  }

  /** Milliseconds for which the memory has been above a size; `undefined` if it is not. */
  aboveFor(size: number, now: number): number | undefined {
    if (this.latest.rss <= size) this.largeSince = undefined
    else this.largeSince ??= now
    return this.largeSince === undefined ? undefined : now - this.largeSince
  }

  /** Notes the reason why the supervisor ends the worker. */
  retire(reason: Reason): void {
    this.retiredFor = reason
  }

  /** Called when the worker stays, because its successor did not become ready. */
  stays(): void {
    this.retiredFor = undefined
  }

  /** Called when another worker has taken the slot. */
  supersede(): void {
    this.superseded = true
  }

  /** Called when the worker was told to end. */
  leaves(now: number): void {
    this.leftAt ??= now
  }

  /** Called when the worker accepts no more connections. */
  drains(): void {
    Deferred.unsafeDone(this.draining, Exit.void)
  }

  /** Called when the app has stopped. */
  stops(report: Pick<Stopped, "cut" | "interrupted">): void {
    this.report = report
  }

  /** Called when the process has ended. A worker that was not ready has then failed. */
  exits(exit: ChildExit, error: BootError): void {
    this.ended = true
    Deferred.unsafeDone(this.exited, Exit.succeed(exit))
    this.fails(error)
  }
}

const noBeat: Beat = {
  type: "beat",
  metrics: zero,
  series: [],
  loopDelay: { p50: 0, p99: 0, max: 0 },
  rss: 0,
  heap: 0,
  handles: 0
}
