/**
 * How a server stops.
 *
 * ```
 *  stop    one turn of reading     settle                  grace                    interrupt
 *  |-------------------------------|-----------------------|------------------------|---------->
 *  no more connections             idle ones are closed    what is left             dropped
 *  answers say that they           farewell: WebSockets    is interrupted
 *  are the last                    and event streams are
 *                                  told goodbye
 * ```
 *
 * After that, hooks and finalizers together have `hooks` milliseconds. Then the stop ends, unless handlers that cannot be
 * interrupted still run.
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Clock } from "../exchange/Clock.js"
import type { Session } from "../exchange/Session.js"
import { UnorderedSet } from "../exchange/UnorderedSet.js"
import type { Admission } from "./Admission.js"
import type { PendingHandshakes } from "./Listener.js"
import type { StopReport } from "./StopReport.js"

export { type StopOptions, stopOptions, type StopReport } from "./StopReport.js"

/**
 * How long each phase takes, in milliseconds.
 *
 * @since 0.2.0
 * @category models
 */
export interface Phases {
  readonly settle: number
  readonly farewell: number
  readonly grace: number
  readonly interrupt: number
}

/** Milliseconds between two looks: a connection may have become one that has no end of its own. */
const lookAgain = 250

/**
 * The stop of one server: who may go on, for how long, and what was cut.
 *
 * @since 0.1.0
 * @category models
 */
export class Drain {
  private readonly bounded = new UnorderedSet<BoundedWork>()
  private givenUp = 0
  /** Milliseconds that idle connections are kept; `undefined` while the server is not stopping. */
  private settle: number | undefined = undefined
  private spread = 0
  private begun = 0
  private seen = 0
  private parted = 0
  private idle = 0
  private detached = 0
  private cut = 0
  private handshakes: PendingHandshakes = none
  private onEmpty: (() => void) | undefined = undefined

  /**
   * @param patience milliseconds that a hook or finalizer may take when the server stops
   * @param gaveUp called for each that is no longer waited for
   */
  constructor(
    private readonly connections: Admission,
    private readonly time: Clock,
    private readonly patience: number,
    private readonly gaveUp: () => void
  ) {}

  /** Whether the server stops. */
  get draining(): boolean {
    return this.settle !== undefined
  }

  /** Whether, during a spread stop, an answered connection may still be kept alive. Counts those that may not. */
  letsStay(): boolean {
    const since = this.time.now() - this.begun
    if (since < this.spread && this.parted * this.spread >= this.seen * since) return true
    this.parted++
    return false
  }

  /** Whether idle connections are closed, although their last answer promised keep-alive. */
  get closesIdle(): boolean {
    return this.settle === 0
  }

  /** From here on, or in turn, each answer is the last on its connection. Connections that come are still admitted. */
  begin(settle: number, spread = 0): void {
    this.settle = settle
    this.spread = Math.min(spread, settle)
    this.begun = this.time.now()
    this.seen = this.connections.size + this.connections.waitingSize
  }

  /** A connection was admitted. */
  admitted(): void {
    if (this.draining) this.seen++
  }

  /** A connection has ended. */
  removed(connection: Session): void {
    if (connection.abandoned && this.draining) this.cut++
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

  /** A hook or a finalizer begins. Calls `done` when it has ended, or when a stop has waited long enough for it. */
  bound(done: () => void): () => void {
    const work = new BoundedWork(this.bounded, this.draining ? this.time.now() : 0, done)
    return work.end
  }

  private checkEmpty(): void {
    const { size, waitingSize } = this.connections
    if (size === 0 && waitingSize === 0 && this.handshakes.size === 0 && this.detached === 0) this.onEmpty?.()
  }

  /**
   * Ends all connections, once accepting has ended. Ends when the last one is closed, its application over and its post
   * hooks run.
   */
  run(
    { farewell, grace, interrupt }: Omit<Phases, "settle">,
    handshakes: PendingHandshakes | undefined
  ): Effect.Effect<StopReport> {
    return Effect.gen(this, function*() {
      const { begun, connections, settle = 0, time } = this
      const empty = yield* Deferred.make<void>()
      this.handshakes = handshakes ?? none
      // the kernel may hold a request for a connection that is idle
      yield* turnOfReading
      this.onEmpty = () => Deferred.unsafeDone(empty, Effect.void)
      const tending = yield* Effect.forkDaemon(
        Effect.interruptible(this.tend(farewell, begun + settle + grace + interrupt + this.patience))
      )
      // a stop cannot be interrupted, so the wait that has a limit runs in a fiber that can
      const ended = yield* Deferred.await(empty).pipe(
        grace === Infinity ? Effect.asSome : Effect.timeoutOption(Math.max(0, begun + settle + grace - time.now())),
        Effect.interruptible,
        Effect.forkDaemon,
        Effect.flatMap(Fiber.join)
      )

      let interrupted = 0
      if (Option.isNone(ended)) {
        connections.close()
        this.handshakes.dropAll()
        for (const connection of [...connections]) {
          if (connection.activity === "Busy") interrupted++
          connection.abort("Stopped")
        }
        this.checkEmpty()
        // connections give up by themselves on what does not end
        yield* Deferred.await(empty)
      }
      connections.close()
      yield* Fiber.interrupt(tending)
      return {
        connections: this.seen,
        idle: this.idle,
        finished: this.seen - this.idle - interrupted,
        interrupted,
        cut: this.cut,
        left: this.givenUp,
        duration: Math.round(time.now() - begun)
      }
    })
  }

  // Closes connections that have been idle for long enough, says goodbye to those that have no end of their own, and gives up on
  // hooks and finalizers that take longer than their patience, or run on after `last`.
  private tend(farewell: number, last: number): Effect.Effect<never> {
    return Effect.forever(Effect.suspend(() => {
      const { begun, settle = 0, time } = this
      const now = time.now()
      if (now - begun >= settle) this.handshakes.dropAll()
      let next = lookAgain
      const notBefore = (time: number): boolean => {
        if (now < time) next = Math.min(next, time - now)
        return now >= time
      }
      const parting = notBefore(begun + farewell)
      for (const connection of [...this.connections]) {
        if (connection.activity !== "Idle") {
          if (parting) connection.sayGoodbye()
        } else if (notBefore(Math.max(begun, connection.quietSince) + settle)) {
          this.idle++
          connection.close()
        }
      }
      const isLate = ({ since }: BoundedWork): boolean =>
        notBefore(Math.min(Math.max(begun, since) + this.patience, last))
      // when one hook is given up, the next begins, and may be late at once
      for (let late = [...this.bounded].filter(isLate); late.length > 0; late = [...this.bounded].filter(isLate)) {
        for (const work of late) {
          this.givenUp++
          this.gaveUp()
          work.end()
        }
      }
      this.checkEmpty()
      return Effect.sleep(next)
    }))
  }
}

/** A hook or a finalizer, for which a stop waits only so long. */
class BoundedWork {
  index = -1

  constructor(
    private readonly all: UnorderedSet<BoundedWork>,
    readonly since: number,
    private readonly done: () => void
  ) {
    all.add(this)
  }

  readonly end = (): void => {
    if (this.index < 0) return
    this.all.delete(this)
    this.done()
  }
}

const none: PendingHandshakes = { size: 0, dropAll: () => undefined }

// the platform's own, even if a test replaces the global one
const immediate = setImmediate

// From one immediate to the next, every socket that has bytes is read once.
const turnOfReading = Effect.async<void>((resume) => {
  immediate(() => immediate(() => resume(Effect.void)))
})
