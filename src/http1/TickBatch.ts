/**
 * What the connections of a server do together in a turn of the event loop: first all that has come is read, then all
 * requests are answered, then all answers are sent, and then what comes after an answer is done.
 *
 * One connection after the other, the system calls between two requests empty the processor's caches of what the second
 * needs: together, a request of a busy server costs half as much. A connection that reads alone soon waits for no other.
 *
 * @since 0.1.0
 */
import type { Clock } from "../exchange/Clock.js"

/**
 * Who takes part.
 *
 * @since 0.1.0
 * @category models
 */
export interface Member {
  /** Answers what it has read, if it still waits for that. */
  readonly answerRead: () => void
  /** Sends what it holds, if it still does. */
  readonly sendHeld: () => void
  /** Sees to what comes after that. The clock is held at the time when all that was held had been sent. */
  readonly heldSent: () => void
  /** One of these threw: this member is broken, and no other turn ends for it. */
  readonly broken: (error: unknown) => void
}

/**
 * Who has much to do, and leaves some of it for later.
 *
 * @since 0.2.0
 * @category models
 */
export interface Sharer extends Pick<Member, "broken"> {
  /** Does more of it. */
  readonly takeShare: () => void
}

/** Milliseconds after which what is held leaves before anything else is answered. One answer may take longer than that. */
const mostHeld = 1
/** After so many reads alone it is looked whether others read too: to look costs a tenth of a request. */
const readsUntilLook = 16
/**
 * So many are worth waiting for. With fewer, the client reads one answer while the server makes the next; in a turn each
 * would wait for the other.
 */
const crowd = 5
/** After so many turns with fewer members no member waits for others. */
const turnsUntilAlone = 8

// the platform's own, whatever a test of an app makes of the global one
const immediate = setImmediate

/**
 * @since 0.1.0
 * @category models
 */
export class TickBatch {
  private readers: Array<Member> = []
  private holders: Array<Member> = []
  private sharers: Array<Sharer> = []
  private crowded = false
  private turnsAlone = 0
  private readsAlone = 0
  // members that have read while it looks; `undefined` while it does not
  private seen: Array<Member> | undefined = undefined
  private answering = false
  private takenAt = 0
  private heldSince = 0

  /**
   * @param time what is held while members are looked after, so that those that are due together have one time
   * @param later calls back when the turn's reads are done
   */
  constructor(
    private readonly time: Pick<Clock, "now" | "hold" | "release">,
    private readonly later: (callback: () => void) => unknown = immediate
  ) {}

  /** It has read something. Is it to wait for its turn? Otherwise it goes on at once. */
  enter(member: Member): boolean {
    if (this.crowded) {
      if (this.readers.push(member) === 1) this.later(this.run)
      return true
    }
    if (this.seen !== undefined) {
      if (this.seen.push(member) === 1) this.later(this.looked)
    } else if (++this.readsAlone === readsUntilLook) this.later(this.look)
    return false
  }

  /** Is an answer to be held until others have theirs? Otherwise it is sent at once. */
  get holds(): boolean {
    return this.answering
  }

  /** A member has an answer, and holds it. Only while `holds`. */
  hold(member: Member): void {
    if (this.holders.push(member) === 1) this.heldSince = this.takenAt
  }

  /** It has more to do than others may have to wait for: it has another turn when they have had theirs. */
  share(sharer: Sharer): void {
    if (this.sharers.push(sharer) === 1) this.later(this.runSharers)
  }

  private readonly runSharers = (): void => {
    const sharers = this.sharers
    this.sharers = []
    this.each(sharers, takeShare)
  }

  // From the first read of a turn to its last: of a part of one, it would depend on who reads first what is seen.
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

  private readonly take = (reader: Member): void => {
    const { time } = this
    let now = time.now()
    if (this.holders.length > 0 && now - this.heldSince > mostHeld) {
      this.send()
      // what came after those answers may have taken its time
      now = time.now()
    }
    this.takenAt = now
    time.hold(now)
    reader.answerRead()
  }

  private send(): void {
    if (this.holders.length === 0) return
    const holders = this.holders
    this.holders = []
    const { time } = this
    this.each(holders, sendHeld)
    time.hold(time.now())
    this.each(holders, heldSent)
    time.release()
  }

  private each<A extends Pick<Member, "broken">>(members: ReadonlyArray<A>, step: (member: A) => void): void {
    for (const member of members) {
      try {
        step(member)
      } catch (error) {
        member.broken(error)
      }
    }
  }
}

// one member may have read several times
const isCrowd = (members: ReadonlyArray<Member>): boolean => {
  const found: Array<Member> = []
  return members.some((member) => !found.includes(member) && found.push(member) === crowd)
}

const sendHeld = (holder: Member): void => holder.sendHeld()
const heldSent = (holder: Member): void => holder.heldSent()
const takeShare = (sharer: Sharer): void => sharer.takeShare()
