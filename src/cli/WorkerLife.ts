/**
 * What is known of a worker, and the steps of its life: it starts, serves, leaves and ends.
 *
 * @since 0.2.0
 */
import * as Deferred from "effect/Deferred"
import * as Exit from "effect/Exit"
import * as FiberId from "effect/FiberId"
import { total, zero } from "../server/ServerMetrics.js"
import type { BootError } from "./BootError.js"
import type { Beat, FromWorker, Interface } from "./messages.js"
import type { Reason, WorkerLimits, WorkerTimeouts } from "./Plan.js"
import type { Child, ChildExit } from "./Spawner.js"
import { fallen } from "./upAndDown.js"

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
 * Milliseconds without a beat after which a worker counts as hung: it beats each second.
 *
 * @since 0.2.0
 * @category constants
 */
export const hungAfter = 2500

/** Seconds of which the status shows the requests, and the one before them. */
const mostCounts = 61

/**
 * Times are milliseconds of the monotonic clock, unless they say otherwise.
 *
 * @since 0.2.0
 * @category models
 */
export class Worker {
  /** Done when it serves, failed when it never will. */
  readonly ready = Deferred.unsafeMake<void, BootError>(FiberId.none)
  /** Done when it accepts no more. */
  readonly draining = Deferred.unsafeMake<void>(FiberId.none)
  readonly exited = Deferred.unsafeMake<ChildExit>(FiberId.none)
  /** Names of its app's counters that were seen to fall. */
  readonly upAndDown = new Set<string>()
  private readonly counts: Array<number> = []
  private running: Child | undefined = undefined
  private latest: Beat = noBeat
  private told: Pick<Ready, "interface" | "warnings"> | undefined = undefined
  private report: Pick<Stopped, "cut" | "interrupted"> | undefined = undefined
  private heardAt: number
  private readyAfter: number | undefined = undefined
  private leftAt: number | undefined = undefined
  private superseded = false
  private ended = false
  private silent = 0
  private largeSince: number | undefined = undefined
  private retiredFor: Reason | undefined = undefined

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

  /** What it told last of how it is. */
  get beat(): Beat {
    return this.latest
  }

  get lastBeat(): number {
    return this.heardAt
  }

  get requests(): number {
    return total(this.latest.metrics.requests)
  }

  /** Requests in each of the last sixty seconds at most, oldest first. */
  get requestsPerSecond(): ReadonlyArray<number> {
    return this.counts.slice(1).map((count, i) => count - this.counts[i])
  }

  /** The kind of its app; `undefined` until it is ready. */
  get interface(): Exclude<Interface, "auto"> | undefined {
    return this.told?.interface
  }

  /** What its app does that is the command's part. */
  get warnings(): ReadonlyArray<string> {
    return this.told?.warnings ?? []
  }

  /** What its stop cut and interrupted, as far as it told. */
  get stopReport(): Pick<Stopped, "cut" | "interrupted"> | undefined {
    return this.report
  }

  /** Milliseconds that its start took; `undefined` until it is ready. */
  get readyIn(): number | undefined {
    return this.readyAfter
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

  /** Whether another worker has its place, and takes its clients. */
  get isSuperseded(): boolean {
    return this.superseded
  }

  /** Why the supervisor ends it; `undefined` where it does not. */
  get reason(): Reason | undefined {
    return this.retiredFor
  }

  stateAt(now: number): WorkerState {
    if (this.ended) return "gone"
    if (this.leftAt !== undefined) return now - this.leftAt < this.timeouts.settle ? "settling" : "draining"
    if (this.readyAfter === undefined) return "booting"
    return this.isHung ? "hung" : "ready"
  }

  /** Its process has started. */
  runs(child: Child): void {
    this.running = child
  }

  /** It told something, so its event loop runs. */
  hears(now: number): void {
    this.heardAt = now
  }

  /** It serves. */
  serves(told: Pick<Ready, "interface" | "warnings">, now: number): void {
    this.told = told
    this.readyAfter = Math.round(now - this.begun)
    Deferred.unsafeDone(this.ready, Exit.void)
  }

  /** It will not serve. */
  fails(error: BootError): void {
    Deferred.unsafeDone(this.ready, Exit.fail(error))
  }

  beats(beat: Beat): void {
    for (const name of fallen(this.latest.series, beat.series)) this.upAndDown.add(name)
    this.latest = beat
    this.silent = 0
    this.counts.push(this.requests)
    if (this.counts.length > mostCounts) this.counts.shift()
  }

  /**
   * How long it was silent, in milliseconds.
   *
   * @param slept milliseconds in which the whole machine stood still, which do not count
   */
  silenceAt(now: number, slept: number): number {
    this.heardAt += slept
    this.silent = now - this.heardAt
    return this.silent
  }

  /** How long its memory has been above a size, in milliseconds; `undefined` where it is not. */
  aboveFor(size: number, now: number): number | undefined {
    if (this.latest.rss <= size) this.largeSince = undefined
    else this.largeSince ??= now
    return this.largeSince === undefined ? undefined : now - this.largeSince
  }

  /** Notes why the supervisor ends it. */
  retire(reason: Reason): void {
    this.retiredFor = reason
  }

  /** It stays, as no successor became ready. */
  stays(): void {
    this.retiredFor = undefined
  }

  /** Another worker has its place. */
  supersede(): void {
    this.superseded = true
  }

  /** It was told to end. */
  leaves(now: number): void {
    this.leftAt ??= now
  }

  /** It accepts no more. */
  drains(): void {
    Deferred.unsafeDone(this.draining, Exit.void)
  }

  /** Its app has stopped. */
  stops(report: Pick<Stopped, "cut" | "interrupted">): void {
    this.report = report
  }

  /** Its process has ended; where it was not ready, it will not be. */
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
