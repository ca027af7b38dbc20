/**
 * How much of a tick one connection may take, where more has come than it answers, or than is read of a body.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { RequestBody } from "../exchange/RequestBody.js"
import type { Sharer, TickBatch } from "./TickBatch.js"

/** Of what has come already, so much work and so many milliseconds are one connection's in a tick. */
const mostWork = 1024
const longestShare = 2
/** What a request counts for. A read of a body counts for 1. */
const request = 16
/** So many reads cost less than it does to look at the clock. */
const unwatched = 32

/**
 * @since 0.2.0
 * @category models
 */
export class TickShare {
  private work = 0
  private since = 0
  private begun = false
  private left = false
  // an application may read one behind its answer, beside that of the next request
  private resting: Array<RequestBody> | undefined = undefined

  constructor(
    private readonly sharer: Sharer,
    private readonly host: { readonly batch: Pick<TickBatch, "share">; readonly time: Pick<Clock, "now"> }
  ) {}

  /** Does it wait with its requests for its next share? */
  get waits(): boolean {
    return this.left
  }

  /** Has its time begun to run in this tick? */
  get isBegun(): boolean {
    return this.begun
  }

  /** A tick begins. Returns the bodies that are read on in it. */
  begin(): ReadonlyArray<RequestBody> {
    const { resting = none } = this
    this.work = 0
    this.begun = false
    this.left = false
    this.resting = undefined
    return resting
  }

  /** A request was answered behind which more had come. */
  countRequest(now: number): void {
    this.work += request
    this.watch(now)
  }

  /** Has it had its share? Then its requests wait for the next. */
  takesLeave(now: number): boolean {
    this.left = this.isSpent(now)
    return this.left
  }

  /** May a body be read? If not, it rests until the next tick. */
  mayRead(body: RequestBody): boolean {
    if (++this.work <= unwatched) return true
    const now = this.host.time.now()
    this.watch(now)
    if (!this.isSpent(now)) return true
    this.resting ??= []
    if (!this.resting.includes(body)) this.resting.push(body)
    return false
  }

  private watch(now: number): void {
    if (this.begun) return
    this.begun = true
    this.since = now
    this.host.batch.share(this.sharer)
  }

  private isSpent(now: number): boolean {
    return this.work >= mostWork || now - this.since >= longestShare
  }
}

const none: ReadonlyArray<RequestBody> = []
