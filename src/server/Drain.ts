/**
 * How a server stops.
 *
 * ```
 *  stop    one turn of reading     settle                  grace                    interrupt
 *  |-------------------------------|-----------------------|------------------------|---------->
 *  no more connections,            idle connections are    running exchanges        remaining
 *  each answer is the last         closed; farewell:       are interrupted          connections
 *  on its connection               WebSockets and event                             are dropped
 *                                  streams are ended
 * ```
 *
 * After that, the remaining hooks and finalizers have `hooks` milliseconds. Then the stop ends, unless uninterruptible
 * handlers still run.
 *
 * @module
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
import { DrainTurns } from "./DrainTurns.js"
import type { PendingHandshakes } from "./Listener.js"
import type { StopReport } from "./StopReport.js"

export { type StopOptions, stopOptions, type StopReport } from "./StopReport.js"

/**
 * Milliseconds of each phase.
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

/**
 * The most milliseconds between two looks at all connections, because some may have become event streams or WebSockets meanwhile.
 */
const longestPause = 250

/**
 * The stop of a server. It decides which connections go on and for how long, and counts those that are cut.
 *
 * @since 0.1.0
 * @category models
 */
export class Drain {
  private readonly bounded = new UnorderedSet<BoundedWork>()
  // hooks and finalizers that the stop no longer waits for
  private givenUp = 0
  // milliseconds for which idle connections are kept; `undefined` before the stop
  private settle: number | undefined = undefined
  private turns: DrainTurns | undefined = undefined
  private begun = 0
  private total = 0
  private idle = 0
  private detached = 0
  private cut = 0
  private handshakes: PendingHandshakes = none
  private onEmpty: (() => void) | undefined = undefined

  /**
   * @param hookTimeout milliseconds for each hook or finalizer while the server stops
   * @param onGivenUp called for each hook or finalizer that the stop no longer waits for
   */
  constructor(
    private readonly connections: Admission,
    private readonly time: Clock,
    private readonly hookTimeout: number,
    private readonly onGivenUp: () => void
  ) {}

  // whether the stop has begun
  private get draining(): boolean {
    return this.turns !== undefined
  }

  /** Whether idle connections are closed although their last answer has promised keep-alive. */
  get closesIdle(): boolean {
    return this.settle === 0
  }

  /**
   * Begins the stop. From now on no more requests may follow on a connection; with `spread`, that begins on one connection after
   * the other, over so many milliseconds of `settle`. New connections are still admitted.
   */
  begin(settle: number, spread = 0): void {
    this.settle = settle
    this.begun = this.time.now()
    this.total = this.connections.size + this.connections.waitingSize
    this.turns = new DrainTurns(this.connections, this.begun, Math.min(spread, settle))
    this.turns.tell(this.begun)
  }

  /** Counts an admitted connection. */
  admitted(connection: Session): void {
    if (this.turns === undefined) return
    this.total++
    this.turns.add(connection, this.time.now())
  }

  /** Counts a connection that has ended. */
  removed(connection: Session): void {
    this.turns?.delete(connection)
    if (connection.abandoned && this.draining) this.cut++
    this.checkEmpty()
  }

  /**
   * Counts work that runs beside the connections, and for which a stop waits. Returns the function to call when the work has
   * ended.
   */
  detach(): () => void {
    this.detached++
    return () => {
      this.detached--
      this.checkEmpty()
    }
  }

  /**
   * Called when a hook or finalizer begins. Returns the function to call when it has ended. `done` is called then, or when a stop
   * gives it up.
   */
  bound(done: () => void): () => void {
    const work = new BoundedWork(this.bounded, this.draining ? this.time.now() : 0, done)
    return work.end
  }

  private checkEmpty(): void {
    const { size, waitingSize } = this.connections
    if (size === 0 && waitingSize === 0 && this.handshakes.size === 0 && this.detached === 0) this.onEmpty?.()
  }

  /**
   * Ends all connections after the listener is closed. It completes when the last connection is closed, its application has ended
   * and its post hooks have run.
   */
  run(
    { farewell, grace, interrupt }: Omit<Phases, "settle">,
    handshakes: PendingHandshakes | undefined
  ): Effect.Effect<StopReport> {
    return Effect.gen(this, function*() {
      const { begun, connections, settle = 0, time } = this
      const empty = yield* Deferred.make<void>()
      this.handshakes = handshakes ?? none
      // the system may already have a request for an idle connection
      yield* turnOfReading
      this.onEmpty = () => Deferred.unsafeDone(empty, Effect.void)
      const tending = yield* Effect.forkDaemon(
        Effect.interruptible(this.endOverdue(farewell, begun + settle + grace + interrupt + this.hookTimeout))
      )
      const telling = yield* Effect.forkDaemon(Effect.interruptible(this.tellInTurn()))
      // a stop is uninterruptible, so the wait runs in a fiber of its own, which the timeout can interrupt
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
        // each connection ends by its own deadlines
        yield* Deferred.await(empty)
      }
      connections.close()
      yield* Fiber.interruptAll([tending, telling])
      return {
        connections: this.total,
        idle: this.idle,
        finished: this.total - this.idle - interrupted,
        interrupted,
        cut: this.cut,
        left: this.givenUp,
        duration: Math.round(time.now() - begun)
      }
    })
  }

  // Tells connections that are not yet told, until all are.
  private tellInTurn(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const pause = this.turns?.tell(this.time.now()) ?? Infinity
      return pause === Infinity ? Effect.void : Effect.flatMap(Effect.sleep(pause), () => this.tellInTurn())
    })
  }

  // Closes connections that have been idle for `settle`, ends WebSockets and event streams, and gives up hooks and finalizers
  // that have run for longer than `hookTimeout` or still run after `last`.
  private endOverdue(farewell: number, last: number): Effect.Effect<never> {
    return Effect.forever(Effect.suspend(() => {
      const { begun, settle = 0, time } = this
      const now = time.now()
      if (now - begun >= settle) this.handshakes.dropAll()
      let next = longestPause
      const notBefore = (time: number): boolean => {
        if (now < time) next = Math.min(next, time - now)
        return now >= time
      }
      const isFarewell = notBefore(begun + farewell)
      for (const connection of [...this.connections]) {
        if (connection.activity !== "Idle") {
          if (isFarewell) connection.sayGoodbye()
        } else if (notBefore(Math.max(begun, connection.quietSince) + settle)) {
          this.idle++
          connection.close()
        }
      }
      const isLate = ({ since }: BoundedWork): boolean =>
        notBefore(Math.min(Math.max(begun, since) + this.hookTimeout, last))
      // when one hook is given up the next one begins, and it may be late at once
      for (let late = [...this.bounded].filter(isLate); late.length > 0; late = [...this.bounded].filter(isLate)) {
        for (const work of late) {
          this.givenUp++
          this.onGivenUp()
          work.end()
        }
      }
      this.checkEmpty()
      return Effect.sleep(next)
    }))
  }
}

/** A running hook or finalizer. */
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

// taken before a test can replace the global function
const immediate = setImmediate

// Between two immediates, every socket with bytes is read once.
const turnOfReading = Effect.async<void>((resume) => {
  immediate(() => immediate(() => resume(Effect.void)))
})
