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
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type { Connection } from "./Connection.js"
import type { ServerLimits } from "./ServerConfig.js"
import { OptionError } from "./ServerError.js"
import type { Transport } from "./Transport.js"

/**
 * What a stop did.
 *
 * @since 0.1.0
 * @category models
 */
export interface StopReport {
  /** Connections that were open when the stop began. */
  readonly connections: number
  /** Of these: closed at once, because nothing was going on. */
  readonly idle: number
  /** Of these: ended by themselves within the grace time. */
  readonly finished: number
  /** Of these: interrupted when the grace time was over. */
  readonly interrupted: number
  /** Of these: did not end when told to, so their sockets were dropped under them. */
  readonly cut: number
  /** Milliseconds from the beginning of the stop to its end. */
  readonly duration: number
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StopOptions {
  /** Milliseconds for running exchanges to end by themselves; `Infinity` waits for ever. */
  readonly grace?: number | undefined
}

/**
 * The grace that is asked for. Throws an `OptionError` where it cannot be meant.
 *
 * @since 0.1.0
 * @category accessors
 */
export const graceOf = (options: StopOptions | undefined): number | undefined => {
  const given: unknown = options
  if (given !== undefined && !Predicate.isObject(given)) {
    throw new OptionError({
      option: "options",
      description: `must be an object, such as { grace: 5000 }; it is ${Inspectable.toStringUnknown(given)}`
    })
  }
  const grace: unknown = options?.grace
  if (grace === undefined) return undefined
  if (typeof grace !== "number" || !(grace >= 0)) {
    throw new OptionError({
      option: "grace",
      description: `must be a number of milliseconds, 0 or more, or Infinity; it is ${
        Inspectable.toStringUnknown(grace)
      }`
    })
  }
  return grace
}

/**
 * @since 0.1.0
 * @category models
 */
export class Connections {
  /** Is the server stopping? */
  draining = false
  private readonly open = new Set<Connection>()
  private readonly waiting: Array<Transport> = []
  private detached = 0
  private cut = 0
  private onEmpty: (() => void) | undefined = undefined

  constructor(
    private readonly limits: ServerLimits,
    private readonly begin: (transport: Transport) => void,
    private readonly turnedAway: (transport: Transport) => void
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

  /** Lets a connection in, now or when there is room. An idle one makes room. */
  admit(transport: Transport): void {
    if (this.draining) return transport.destroy()
    if (this.open.size < this.limits.connections) return this.begin(transport)
    if (this.waiting.length >= this.limits.waitingConnections) {
      this.turnedAway(transport)
      return transport.destroy()
    }
    this.waiting.push(transport)
    this.makeRoom()
  }

  add(connection: Connection): void {
    this.open.add(connection)
  }

  remove(connection: Connection): void {
    this.open.delete(connection)
    if (connection.abandoned && this.draining) this.cut++
    if (!this.draining && this.open.size < this.limits.connections) {
      const next = this.waiting.shift()
      if (next !== undefined) this.begin(next)
    }
    this.checkEmpty()
  }

  /** Counts work that runs beside connections and that a stop waits for. */
  detach(): () => void {
    this.detached++
    return () => {
      this.detached--
      this.checkEmpty()
    }
  }

  /** Closes the connection that has waited longest for another request, if one does. */
  private makeRoom(): void {
    let longest: Connection | undefined
    let earliest = Infinity
    for (const connection of this.open) {
      const since = connection.idleSince
      if (since === undefined || (longest !== undefined && since >= earliest)) continue
      longest = connection
      earliest = since
    }
    longest?.close(Exit.void)
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
      for (const transport of this.waiting.splice(0)) transport.destroy()
      const connections = this.open.size
      let idle = 0
      for (const connection of [...this.open]) {
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
        for (const connection of [...this.open]) {
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
