/**
 * Lets the connections of a server do the same work together in a turn of the event loop: first everything that has arrived is
 * read, then all requests are answered, then all answers are sent, and then the work after an answer is done.
 *
 * If connections are served one after the other, the system calls between two requests displace what the second request needs
 * from the processor's caches. A hello took 38 µs then, and takes 20 µs in a batch (test/bench/README.md). A connection that
 * reads alone does not wait for others.
 *
 * @since 0.1.0
 */
import type { Clock } from "../exchange/Clock.js"

/**
 * A connection that takes part.
 *
 * @since 0.1.0
 * @category models
 */
export interface BatchMember {
  /** Answers the requests that it has read, if that was not done meanwhile. */
  readonly answerRead: () => void
  /** Sends the answers that it has deferred, if that was not done meanwhile. */
  readonly sendDeferred: () => void
  /** Does the work after an answer. The clock is held at the time when all members had sent. */
  readonly deferredSent: () => void
  /** Does the next slice of its work, if it has more than a tick allows. */
  readonly takeSlice: () => void
  /** One of these methods has thrown. The other members go on. */
  readonly broken: (error: unknown) => void
}

/**
 * Milliseconds after which deferred answers are sent before the next request is answered. One request may take longer than that.
 */
const longestDelay = 1
/** The number of reads outside of a batch until the next look at whether others read too. */
const readsUntilLook = 16
/**
 * The least number of members that makes a batch worth while. With fewer, a client reads one answer while the server makes the
 * next; in a batch they would wait for each other.
 */
const crowd = 5
/** Turns with fewer members after which batching ends. */
const turnsUntilAlone = 8

// the platform's own function, because a test of an application may replace the global one
const immediate = setImmediate

/**
 * @since 0.1.0
 * @category models
 */
export class TickBatch {
  private readers: Array<BatchMember> = []
  private deferred: Array<BatchMember> = []
  private waiting: Array<BatchMember> = []
  private crowded = false
  private turnsAlone = 0
  private readsAlone = 0
  // members that have read during a look; `undefined` outside of one
  private seen: Array<BatchMember> | undefined = undefined
  private answering = false
  private takenAt = 0
  private deferredSince = 0

  /**
   * @param time is held while a member runs, so that its steps have the same time
   * @param later calls back when the reads of the turn are done
   */
  constructor(
    private readonly time: Pick<Clock, "now" | "hold" | "release">,
    private readonly later: (callback: () => void) => unknown = immediate
  ) {}

  /** Called when a member has read something. Returns `true` if it must wait for `answerRead`; otherwise it goes on at once. */
  enter(member: BatchMember): boolean {
    if (this.crowded) {
      if (this.readers.push(member) === 1) this.later(this.run)
      return true
    }
    if (this.seen !== undefined) {
      if (this.seen.push(member) === 1) this.later(this.looked)
    } else if (++this.readsAlone === readsUntilLook) this.later(this.look)
    return false
  }

  /** Whether an answer must wait until others have theirs. Otherwise it is sent at once. */
  get defers(): boolean {
    return this.answering
  }

  /** Called when a member has an answer and defers it. It may do so only while `defers`. */
  defer(member: BatchMember): void {
    if (this.deferred.push(member) === 1) this.deferredSince = this.takenAt
  }

  /** Called when a connection has more work than a slice. It does the next slice when others have been served. */
  awaitSlice(member: BatchMember): void {
    if (this.waiting.push(member) === 1) this.later(this.runSlices)
  }

  private readonly runSlices = (): void => {
    const waiting = this.waiting
    this.waiting = []
    this.each(waiting, takeSlice)
  }

  // A look takes one whole turn. In a part of one, the result would depend on which member reads first.
  private readonly look = (): void => {
    this.seen = []
  }

  private readonly looked = (): void => {
    this.crowded = this.seen !== undefined && isCrowd(this.seen)
    this.turnsAlone = 0
    this.readsAlone = 0
    this.seen = undefined
  }

  private readonly run = (): void => {
    const readers = this.readers
    this.readers = []
    this.turnsAlone = isCrowd(readers) ? 0 : this.turnsAlone + 1
    this.crowded = this.turnsAlone < turnsUntilAlone
    this.answering = true
    this.each(readers, this.take)
    this.time.release()
    this.answering = false
    this.send()
  }

  private readonly take = (reader: BatchMember): void => {
    const { time } = this
    let now = time.now()
    if (this.deferred.length > 0 && now - this.deferredSince > longestDelay) {
      this.send()
      // the work after those answers may have taken a while
      now = time.now()
    }
    this.takenAt = now
    time.hold(now)
    reader.answerRead()
  }

  private send(): void {
    if (this.deferred.length === 0) return
    const deferred = this.deferred
    this.deferred = []
    const { time } = this
    this.each(deferred, sendDeferred)
    time.hold(time.now())
    this.each(deferred, deferredSent)
    time.release()
  }

  private each(members: ReadonlyArray<BatchMember>, step: (member: BatchMember) => void): void {
    for (const member of members) {
      try {
        step(member)
      } catch (error) {
        member.broken(error)
      }
    }
  }
}

// each member counts once, although it may have read several times
const isCrowd = (members: ReadonlyArray<BatchMember>): boolean => {
  const found: Array<BatchMember> = []
  return members.some((member) => !found.includes(member) && found.push(member) === crowd)
}

const sendDeferred = (member: BatchMember): void => member.sendDeferred()
const deferredSent = (member: BatchMember): void => member.deferredSent()
const takeSlice = (member: BatchMember): void => member.takeSlice()
