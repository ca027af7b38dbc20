/**
 * What a connection waits for, and until when. `Lateness` decides what a missed deadline means.
 *
 * @since 0.2.0
 */
import type { Alarm } from "../exchange/Alarm.js"
import type { Clock } from "../exchange/Clock.js"
import type { Rates } from "../exchange/Config.js"
import type { Http1Host } from "./Http1Host.js"

/**
 * What the peer must send or do. With `Place` the server must give a request a place.
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

/**
 * The deadline that has passed: for what is awaited, for the whole request, for the answer to begin (`Handler`), for the kernel
 * to take something (`Write`), or for the peer to keep a rate.
 *
 * @since 0.2.0
 * @category models
 */
export type Passed = Awaited | "Request" | "Handler" | "Write" | "BodyPace" | "DownloadPace"

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
  // true: the request's time begins anew with the next wait for its client
  private excused = false
  private readBefore = 0
  private handler = Infinity
  private write = Infinity
  private writeSince = Infinity
  private handed = 0
  // these are made when needed, because most requests have no body, and most answers leave at once
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

  /** What the peer must send or do; `undefined` if nothing is awaited from it. */
  get awaited(): Awaited | undefined {
    return this.peerOwes
  }

  /** The time since which the peer has been awaited. */
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
      this.write,
      this.body?.deadline ?? Infinity,
      this.download?.deadline ?? Infinity
    )
  }

  /** Called when the peer must send something within `timeout` milliseconds of `since`. */
  await(awaited: Awaited, timeout: number, since = this.time.tick()): void {
    this.peerOwes = awaited
    this.silentSince = since
    this.peerDeadline = since + timeout
    this.wakeBy(this.peerDeadline)
  }

  /** Called when a part of a head has arrived. */
  headBegan(): void {
    const now = this.time.now()
    this.headBegunAt = now
    this.await("Head", this.timeouts.head)
    this.awaitRequest(now)
  }

  /** When the first bytes of the head arrived that is being read, or was refused; `undefined` if it arrived in one piece. */
  get headSince(): number | undefined {
    return this.headBegunAt
  }

  /** Called when nothing is awaited from the peer. */
  awaitNothing(): void {
    this.peerOwes = undefined
    this.peerDeadline = Infinity
  }

  /** Called when the application waits for the body, of which it has `bytes` bytes. */
  awaitBody(bytes: number): void {
    const now = this.time.now()
    this.await("Body", this.timeouts.body, now)
    if (this.excused || this.request === Infinity) this.awaitRequest(now)
    this.body ??= new Pace(this.rates.body, this.rates.window)
    this.body.go(bytes, now)
    this.wakeBy(this.body.deadline)
  }

  /** Called when the application has these bytes, or no longer waits for them. */
  bodyCame(): void {
    this.awaitNothing()
    this.body?.rest(this.time.tick())
  }

  /**
   * Called when the application must answer a request whose head was complete at `since`. `bodySince` is when the request began,
   * if more of its body must arrive.
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

  /** Called when a request has begun of which more must arrive. */
  awaitRequest(since: number): void {
    this.request = since + this.timeouts.request
    this.excused = false
    this.readBefore = 0
    this.wakeBy(this.request)
  }

  /** Restarts the request's deadline, because the client is not late. `bytes` of its body were read. */
  excuse(bytes: number): void {
    this.awaitRequest(this.time.now())
    this.excused = true
    this.readBefore = bytes
  }

  /** Called when all of the request has arrived. */
  requestCame(): void {
    this.request = Infinity
    this.body?.stop()
  }

  /** Whether an application must begin its answer by a certain time. */
  get awaitsAnswer(): boolean {
    return this.handler < Infinity
  }

  answerBegan(): void {
    this.handler = Infinity
  }

  /** Called when bytes wait for the kernel, which has taken `handed` bytes. */
  awaitWrite(handed: number): void {
    if (this.writeSince < Infinity) return
    const now = this.time.now()
    this.writeSince = now
    this.write = now + this.timeouts.write
    this.download ??= new Pace(this.rates.download, this.rates.window)
    this.download.go(handed, now)
    this.wakeBy(Math.min(this.write, this.download.deadline))
  }

  /** Called when bytes of a connection that was taken over wait for the kernel, which has taken `handed` bytes. */
  awaitTaken(handed: number): void {
    if (this.write < Infinity) return
    this.handed = handed
    this.write = this.time.now() + this.timeouts.write
    this.wakeBy(this.write)
  }

  /**
   * Called when a client that has closed its sending half must take some of its answer, of which the kernel has taken `handed`
   * bytes.
   */
  awaitHalfClosed(handed: number): void {
    this.handed = handed
    this.await("HalfClosed", this.timeouts.halfClose, this.time.now())
  }

  /** Whether the kernel has taken no byte since `awaitTaken` or `awaitHalfClosed`. */
  takesNothing(handed: number): boolean {
    return this.handed === handed
  }

  /** Whether bytes wait for the kernel. */
  get awaitsWrite(): boolean {
    return this.writeSince < Infinity
  }

  /** Whether a deadline is set for bytes that wait for the kernel. */
  get writing(): boolean {
    return this.awaitsWrite || this.write < Infinity ||
      (this.download !== undefined && this.download.deadline < Infinity)
  }

  /** Called when the kernel has taken bytes. */
  written(): void {
    this.write = Infinity
    this.writeSince = Infinity
  }

  /** Called when the kernel has taken everything. */
  allWritten(): void {
    this.written()
    this.download?.stop()
  }

  /** Called when nothing of the request is awaited any more, neither its body nor its answer. */
  requestEnded(): void {
    this.awaitNothing()
    this.requestCame()
    this.answerBegan()
  }

  /** Called when the connection ends. */
  close(): void {
    this.peerDeadline = Infinity
    this.requestCame()
    this.answerBegan()
    this.allWritten()
  }

  /**
   * The time since which the application has waited for a body that does not arrive, or arrives below the least rate; `Infinity`
   * if it does not wait. `bytes` have arrived.
   */
  bodySince(bytes: number): number {
    if (this.peerOwes !== "Body") return Infinity
    return Math.min(this.silentSince, this.body?.slowSince(bytes, this.time.tick()) ?? Infinity)
  }

  /**
   * The time since which the kernel has taken none of what waits for it, or less than the least rate; `Infinity` if nothing
   * waits.
   */
  takenSince(handed: number): number {
    return Math.min(this.writeSince, this.download?.slowSince(handed, this.time.tick()) ?? Infinity)
  }

  /**
   * Takes a deadline that has passed, the most urgent first. `bodyBytes` have arrived, and the kernel has taken `handed` bytes.
   */
  take(bodyBytes: number, handed: number): Passed | undefined {
    const now = this.time.tick()
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

// Measures bytes over the time of waiting for them, and judges their rate each time that this time adds up to the window.
class Pace {
  /** The time at which the rate is judged; `Infinity` while nothing is awaited. */
  deadline = Infinity
  private begun = -1
  private since = 0
  private waited = 0

  /** @param least bytes a second; 0 means no least rate */
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

  /** The time since which it has been too slow in the current window; `Infinity` if it is not, or nothing is awaited. */
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
