/**
 * What a connection waits for, and until when. What a missed deadline means is decided elsewhere.
 *
 * @since 0.2.0
 */
import type { Alarm } from "../exchange/Alarm.js"
import type { Clock } from "../exchange/Clock.js"
import type { Rates } from "../exchange/Config.js"
import type { Http1Host } from "./Http1Host.js"

/**
 * What the peer is to send or to do; or, with `Place`, what the server is to give a request; or, with `Hooks`, that the hooks and
 * finalizers of a connection end that has no other work.
 *
 * @since 0.2.0
 * @category models
 */
export type Awaited =
  | "FirstRequest"
  | "Idle"
  | "Head"
  | "Place"
  | "Body"
  | "HalfClosed"
  | "Leftover"
  | "Linger"
  | "Hooks"

/**
 * The deadline that has passed: for what is awaited, for the whole request, for the answer to begin (`Handler`), for an
 * interrupted application to end, for the kernel to take something (`Write`), or for the peer to keep a rate.
 *
 * @since 0.2.0
 * @category models
 */
export type Passed = Awaited | "Request" | "Handler" | "Interrupt" | "Write" | "BodyPace" | "DownloadPace"

/**
 * @since 0.2.0
 * @category models
 */
export class Deadlines {
  private readonly alarm: Alarm
  private readonly timeouts: Http1Host["config"]["timeouts"]
  private readonly rates: Rates
  private readonly time: Clock
  private peerOwes: Awaited | undefined = "FirstRequest"
  private silentSince: number
  private headBegunAt: number | undefined = undefined
  private peerDeadline: number
  private request = Infinity
  // whether the request's time begins anew with the next wait for its client
  private excused = false
  private readBefore = 0
  private handler = Infinity
  private interrupt = Infinity
  private write = Infinity
  private writeSince = Infinity
  private handed = 0
  // made when needed: most requests have no body, and most answers leave at once
  private body: Pace | undefined = undefined
  private download: Pace | undefined = undefined

  constructor({ alarm, config, time }: Pick<Http1Host, "alarm" | "config" | "time">) {
    this.alarm = alarm
    this.timeouts = config.timeouts
    this.rates = config.rates
    this.time = time
    this.silentSince = time.now()
    this.peerDeadline = this.silentSince + config.timeouts.firstRequest
    this.wakeBy(this.peerDeadline)
  }

  private wakeBy(deadline: number): void {
    if (deadline < this.alarm.ringsAt) this.alarm.by(deadline)
  }

  /** What the peer is to send or to do; `undefined` where nothing is awaited of it. */
  get awaited(): Awaited | undefined {
    return this.peerOwes
  }

  /** Since when the peer has been awaited. */
  get quietSince(): number {
    return this.silentSince
  }

  /** Bytes of the body that the application had read when the request's time began, or began anew. */
  get bytesBefore(): number {
    return this.readBefore
  }

  /** The earliest deadline. */
  get next(): number {
    return Math.min(
      this.peerDeadline,
      this.request,
      this.handler,
      this.interrupt,
      this.write,
      this.body?.deadline ?? Infinity,
      this.download?.deadline ?? Infinity
    )
  }

  /** The peer is to send something within `timeout` milliseconds of `since`. */
  await(awaited: Awaited, timeout: number, since = this.time.tick()): void {
    this.peerOwes = awaited
    this.silentSince = since
    this.peerDeadline = since + timeout
    this.wakeBy(this.peerDeadline)
  }

  /** A part of a head has come. */
  headBegan(): void {
    const now = this.time.now()
    this.headBegunAt = now
    this.await("Head", this.timeouts.head)
    this.awaitRequest(now)
  }

  /** When the first bytes of the head came that is read, or was refused; `undefined` where it came in one piece. */
  get headSince(): number | undefined {
    return this.headBegunAt
  }

  /** Nothing is awaited of the peer. */
  awaitNothing(): void {
    this.peerOwes = undefined
    this.peerDeadline = Infinity
  }

  /** The application waits for the body, of which it has `bytes` bytes. */
  awaitBody(bytes: number): void {
    const now = this.time.now()
    this.await("Body", this.timeouts.body, now)
    if (this.excused || this.request === Infinity) this.awaitRequest(now)
    this.body ??= new Pace(this.rates.body, this.rates.window)
    this.body.go(bytes, now)
    this.wakeBy(this.body.deadline)
  }

  /** The application has these bytes, or no longer waits for them. */
  bodyCame(): void {
    this.awaitNothing()
    this.body?.rest(this.time.tick())
  }

  /**
   * The application is to answer a request whose head was complete at `since`. `bodySince` is when the request began, where more
   * of its body is to come.
   */
  requestBegan(since: number, bodySince: number | undefined): void {
    this.headBegunAt = undefined
    this.awaitNothing()
    if (bodySince === undefined) this.requestCame()
    else this.awaitRequest(bodySince)
    if (this.timeouts.handler === Infinity) return
    this.handler = since + this.timeouts.handler
    this.wakeBy(this.handler)
  }

  /** A request has begun, of which more is to come. */
  awaitRequest(since: number): void {
    this.request = since + this.timeouts.request
    this.excused = false
    this.readBefore = 0
    this.wakeBy(this.request)
  }

  /** The client is not late: restarts the request's deadline. `bytes` of its body were read. */
  excuse(bytes: number): void {
    this.awaitRequest(this.time.now())
    this.excused = true
    this.readBefore = bytes
  }

  /** All of the request is here. */
  requestCame(): void {
    this.request = Infinity
    this.body?.stop()
  }

  /** Whether an application is to begin its answer by a certain time. */
  get awaitsAnswer(): boolean {
    return this.handler < Infinity
  }

  answerBegan(): void {
    this.handler = Infinity
  }

  /** An application was interrupted, and is to end. */
  awaitEnd(): void {
    this.interrupt = this.time.now() + this.timeouts.interrupt
    this.wakeBy(this.interrupt)
  }

  awaitEndForEver(): void {
    this.interrupt = Infinity
  }

  /** Bytes wait for the kernel, which has taken `handed` bytes. */
  awaitWrite(handed: number): void {
    if (this.writeSince < Infinity) return
    const now = this.time.now()
    this.writeSince = now
    this.write = now + this.timeouts.write
    this.download ??= new Pace(this.rates.download, this.rates.window)
    this.download.go(handed, now)
    this.wakeBy(Math.min(this.write, this.download.deadline))
  }

  /** Bytes of a connection that was taken over wait for the kernel, which has taken `handed` bytes. */
  awaitTaken(handed: number): void {
    if (this.write < Infinity) return
    this.handed = handed
    this.write = this.time.now() + this.timeouts.write
    this.wakeBy(this.write)
  }

  /** A client that has closed its sending half is to take some of its answer, of which the kernel has taken `handed` bytes. */
  awaitHalfClosed(handed: number): void {
    this.handed = handed
    this.await("HalfClosed", this.timeouts.halfClose, this.time.now())
  }

  /** Whether the kernel has taken no byte since `awaitTaken` or `awaitHalfClosed`. */
  takesNothing(handed: number): boolean {
    return this.handed === handed
  }

  /** Whether something waits for the kernel. */
  get awaitsWrite(): boolean {
    return this.writeSince < Infinity
  }

  /** Whether a deadline is set for bytes that wait for the kernel. */
  get writing(): boolean {
    return this.awaitsWrite || this.write < Infinity ||
      (this.download !== undefined && this.download.deadline < Infinity)
  }

  /** The kernel has taken something. */
  written(): void {
    this.write = Infinity
    this.writeSince = Infinity
  }

  /** The kernel has taken all. */
  allWritten(): void {
    this.written()
    this.download?.stop()
  }

  /** Nothing of the request is awaited any more: neither its body, nor its answer, nor the end of its application. */
  requestEnded(): void {
    this.awaitNothing()
    this.requestCame()
    this.answerBegan()
    this.awaitEndForEver()
  }

  /** The connection ends: only the end of an interrupted application is still awaited. */
  close(): void {
    this.peerDeadline = Infinity
    this.requestCame()
    this.answerBegan()
    this.allWritten()
  }

  /**
   * Since when the application has waited for a body that does not come, or comes below the least rate; `Infinity` where it does
   * not wait. `bytes` have come.
   */
  bodySince(bytes: number): number {
    if (this.peerOwes !== "Body") return Infinity
    return Math.min(this.silentSince, this.body?.slowSince(bytes, this.time.tick()) ?? Infinity)
  }

  /** Since when the kernel has taken none of what waits for it, or less than the least rate; `Infinity` where nothing waits. */
  takenSince(handed: number): number {
    return Math.min(this.writeSince, this.download?.slowSince(handed, this.time.tick()) ?? Infinity)
  }

  /** Takes a deadline that has passed, the most urgent first. `bodyBytes` have come, and the kernel has taken `handed` bytes. */
  take(bodyBytes: number, handed: number): Passed | undefined {
    const now = this.time.tick()
    if (now >= this.interrupt) {
      this.interrupt = Infinity
      return "Interrupt"
    }
    if (now >= this.write) {
      this.write = Infinity
      return "Write"
    }
    if (this.download?.isSlow(handed, now) === true) return "DownloadPace"
    if (now >= this.handler) {
      this.handler = Infinity
      return "Handler"
    }
    if (now >= this.request) {
      this.request = Infinity
      return "Request"
    }
    if (this.body?.isSlow(bodyBytes, now) === true) return "BodyPace"
    if (now < this.peerDeadline) return undefined
    this.peerDeadline = Infinity
    return this.peerOwes
  }
}

// Measures bytes over the time spent waiting for them, and judges their rate each time that this adds up to the window.
class Pace {
  /** When it is to be judged; `Infinity` while nothing is awaited. */
  deadline = Infinity
  private begun = -1
  private since = 0
  private waited = 0

  /** @param least bytes a second; 0 asks for none */
  constructor(private readonly least: number, private readonly window: number) {}

  go(bytes: number, now: number): void {
    if (this.least === 0 || this.deadline < Infinity) return
    if (this.begun < 0) {
      this.begun = bytes
      this.waited = 0
    }
    this.since = now
    this.deadline = now + this.window - this.waited
  }

  rest(now: number): void {
    if (this.deadline === Infinity) return
    this.waited += now - this.since
    this.deadline = Infinity
  }

  stop(): void {
    this.begun = -1
    this.deadline = Infinity
  }

  /** Since when it has been too slow in the current window; `Infinity` where it is not, or nothing is awaited. */
  slowSince(bytes: number, now: number): number {
    if (this.deadline === Infinity) return Infinity
    const waited = this.waited + now - this.since
    return (bytes - this.begun) * 1000 < this.least * waited ? now - waited : Infinity
  }

  isSlow(bytes: number, now: number): boolean {
    if (now < this.deadline) return false
    const slow = (bytes - this.begun) * 1000 < this.least * this.window
    this.begun = bytes
    this.waited = 0
    this.since = now
    this.deadline = slow ? Infinity : now + this.window
    return slow
  }
}
