/**
 * Bounds how much of a tick one connection takes, if it has sent many requests or much of a body.
 *
 * @since 0.2.0
 */
import type { Clock } from "../exchange/Clock.js"
import type { PeerFacts } from "../exchange/PeerFacts.js"
import type { ReceivedBody } from "../exchange/ReceivedBody.js"
import type { BatchMember, TickBatch } from "./TickBatch.js"

/** The most work that one connection does in a tick, and the milliseconds for it. */
const mostWork = 1024
const longestSlice = 2
/** The work of a request. A read of a body is 1. */
const request = 16
/** The number of reads in a tick before the first look at the clock. */
const unwatched = 32

/**
 * @since 0.2.0
 * @category models
 */
export class TimeSlice {
  private work = 0
  private since = 0
  // when it last looked at the clock
  private lookedAt = 0
  private begun = false
  private left = false
  // there may be several, because an application may still read the body of a request that it has answered
  private resting: Array<ReceivedBody> | undefined = undefined

  constructor(
    private readonly member: BatchMember,
    private readonly host: { readonly batch: Pick<TickBatch, "awaitSlice">; readonly time: Pick<Clock, "now"> }
  ) {}

  /** Whether its requests wait for the next slice. */
  get waits(): boolean {
    return this.left
  }

  /** Whether its time in this tick has begun. */
  get isBegun(): boolean {
    return this.begun
  }

  /** Called when a tick begins. Reads on the bodies that wait for it. Returns true if requests have waited too. */
  begin(peer: Pick<PeerFacts, "run">): boolean {
    const { left, resting = none } = this
    this.work = 0
    this.begun = false
    this.left = false
    this.resting = undefined
    for (const body of resting) peer.run(TimeSlice.readOn, body, undefined)
    return left
  }

  private static readonly readOn = (body: ReceivedBody): void => body.readOn()

  /** Called when a request was answered, and more had arrived after it. Returns the time. */
  countRequest(): number {
    this.work += request
    this.look()
    return this.lookedAt
  }

  /** Makes the requests wait for the next slice, and returns true, if this slice is used up. */
  takesLeave(): boolean {
    this.left = this.isSpent
    return this.left
  }

  /** Counts a read of a body. Returns `false` if it must wait for the next tick. */
  mayRead(body: ReceivedBody): boolean {
    if (++this.work <= unwatched) return true
    this.look()
    if (!this.isSpent) return true
    this.resting ??= []
    if (!this.resting.includes(body)) this.resting.push(body)
    return false
  }

  private look(): void {
    this.lookedAt = this.host.time.now()
    if (this.begun) return
    this.begun = true
    this.since = this.lookedAt
    this.host.batch.awaitSlice(this.member)
  }

  private get isSpent(): boolean {
    return this.work >= mostWork || this.lookedAt - this.since >= longestSlice
  }
}

const none: ReadonlyArray<ReceivedBody> = []
