/**
 * The connections there are: who is let in, and how all of them end.
 *
 * Stopping is one deadline: idle connections are closed at once, running exchanges are awaited, then interrupted, then
 * cut. What was cut is reported.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Connection } from "./Connection.js"
import { Places } from "./Places.js"
import type { Config } from "./ServerConfig.js"
import type { StopReport } from "./StopReport.js"
import type { Time } from "./Time.js"
import type { Transport } from "./Transport.js"

export { graceOf, type StopOptions, type StopReport } from "./StopReport.js"

/**
 * What becomes of transports that are admitted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Admission {
  /** There is room: a connection begins. */
  readonly begin: (transport: Transport) => void
  /** There is none, and no place to wait either, or it has waited too long. It is closed. */
  readonly turnedAway: (transport: Transport, why: string) => void
  /** Connections begin to wait for room, or none does any more. */
  readonly crowded: (waiting: boolean) => void
}

/** Milliseconds that a connection may take to begin its first request, before it makes room; and that a calm must last. */
const moment = 1000

/**
 * @since 0.1.0
 * @category models
 */
export class Connections {
  /** Is the server stopping? */
  draining = false
  private readonly open = new Places<Connection>()
  private readonly waiting: Array<{ readonly transport: Transport; readonly since: number }> = []
  // told to make room, and not gone yet
  private readonly leaving = new Set<Connection>()
  private crowded = false
  private lastWaited = -Infinity
  private detached = 0
  private cut = 0
  private onEmpty: (() => void) | undefined = undefined

  constructor(
    private readonly config: Config,
    private readonly time: Time,
    private readonly admission: Admission
  ) {}

  /** How many are being served. */
  get size(): number {
    return this.open.size
  }

  /** How many wait for room. */
  get waitingSize(): number {
    return this.waiting.length
  }

  [Symbol.iterator](): IterableIterator<Connection> {
    return this.open[Symbol.iterator]()
  }

  /** Lets a connection in, now or when there is room. One with nothing to do makes room. */
  admit(transport: Transport): void {
    const { limits } = this.config
    if (this.draining) return transport.destroy()
    if (this.open.size < limits.connections) return this.admission.begin(transport)
    if (this.waiting.length >= limits.waitingConnections) return this.turnAway(transport, "no room for a connection")
    const now = this.time.now()
    this.waiting.push({ transport, since: now })
    this.makeRoom(now)
    this.lookForCrowd(now)
  }

  add(connection: Connection): void {
    this.open.add(connection)
  }

  remove(connection: Connection): void {
    this.open.delete(connection)
    this.leaving.delete(connection)
    if (connection.abandoned && this.draining) this.cut++
    if (!this.draining && this.open.size < this.config.limits.connections) {
      const next = this.waiting.shift()
      if (next !== undefined) this.admission.begin(next.transport)
    }
    this.checkEmpty()
  }

  /** Looks after those that wait: none waits longer than it would be waited for. */
  sweep(now: number): void {
    const { firstRequest } = this.config.timeouts
    while (this.waiting.length > 0 && now - this.waiting[0].since >= firstRequest) {
      const late = this.waiting.shift()
      if (late !== undefined) this.turnAway(late.transport, "no room for a connection in time")
    }
    while (this.isCrowded && this.makeRoom(now));
    this.lookForCrowd(now)
  }

  private turnAway(transport: Transport, why: string): void {
    this.admission.turnedAway(transport, why)
    transport.destroy()
  }

  // Does somebody wait for whom no room is being made?
  private get isCrowded(): boolean {
    return this.waiting.length > this.leaving.size
  }

  private lookForCrowd(now: number): void {
    if (this.isCrowded) {
      this.lastWaited = now
      if (!this.crowded) this.admission.crowded(this.crowded = true)
    } else if (this.crowded && now - this.lastWaited >= moment) this.admission.crowded(this.crowded = false)
  }

  // Closes the connection that has waited longest for another request, or else the oldest one that has sent nothing and
  // had the time to.
  private makeRoom(now: number): boolean {
    let longest: Connection | undefined
    let earliest = Infinity
    let silent: Connection | undefined
    for (const connection of this.open) {
      if (this.leaving.has(connection)) continue
      const idleSince = connection.idleSince
      if (idleSince === undefined) {
        const isSilent = connection.requests === 0 && connection.isIdle && now - connection.since >= moment
        if (isSilent && isOlder(connection, silent)) silent = connection
      } else if (idleSince < earliest || (idleSince === earliest && isOlder(connection, longest))) {
        longest = connection
        earliest = idleSince
      }
    }
    const closed = longest ?? silent
    if (closed === undefined) return false
    this.leaving.add(closed)
    closed.close(Exit.void)
    return true
  }

  /** Counts work that runs beside connections and that a stop waits for. */
  detach(): () => void {
    this.detached++
    return () => {
      this.detached--
      this.checkEmpty()
    }
  }

  private checkEmpty(): void {
    if (this.open.size === 0 && this.detached === 0) this.onEmpty?.()
  }

  /**
   * Ends all connections. `grace` is in milliseconds. Ends when the last connection is closed, its application over and
   * its post hooks run.
   */
  drain(grace: number): Effect.Effect<StopReport> {
    return Effect.gen(this, function*() {
      const clock = yield* Effect.clock
      const begun = clock.unsafeCurrentTimeMillis()
      this.draining = true
      for (const { transport } of this.waiting.splice(0)) transport.destroy()
      const connections = this.open.size
      let idle = 0
      for (const connection of [...this]) {
        if (!connection.isIdle) continue
        idle++
        connection.close(Exit.void)
      }

      const empty = yield* Deferred.make<void>()
      this.onEmpty = () => Deferred.unsafeDone(empty, Effect.void)
      this.checkEmpty()
      // A stop cannot be interrupted, so what has a time limit runs in a fiber that can.
      const ended = yield* Deferred.await(empty).pipe(
        grace === Infinity ? Effect.asSome : Effect.timeoutOption(grace),
        Effect.interruptible,
        Effect.forkDaemon,
        Effect.flatMap(Fiber.join)
      )

      let interrupted = 0
      if (Option.isNone(ended)) {
        for (const connection of [...this]) {
          if (connection.isBusy) interrupted++
          connection.abort("Stopped")
        }
        // connections give up by themselves on what does not end
        yield* Deferred.await(empty)
      }
      return {
        connections,
        idle,
        finished: connections - idle - interrupted,
        interrupted,
        cut: this.cut,
        duration: clock.unsafeCurrentTimeMillis() - begun
      }
    })
  }
}

// their order is none
const isOlder = (connection: Connection, other: Connection | undefined): boolean =>
  other === undefined || connection.id < other.id
