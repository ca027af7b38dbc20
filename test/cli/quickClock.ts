/**
 * A clock that a test moves, like TestClock, for hours in steps of half a second. Between two moments it lets fibers run for
 * turns of the event loop, where TestClock waits for milliseconds.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

export class QuickClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  private now = 1_800_000_000_000
  private sleepers: Array<Sleeper> = []
  private set = 0

  unsafeCurrentTimeMillis(): number {
    return this.now + this.set
  }

  unsafeCurrentTimeNanos(): bigint {
    return BigInt(this.now) * 1_000_000n
  }

  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const sleeper = {
        at: this.now + Math.ceil(Duration.toMillis(duration)),
        wake: () => resume(Effect.void)
      }
      this.sleepers.push(sleeper)
      return Effect.sync(() => this.sleepers = this.sleepers.filter((other) => other !== sleeper))
    })
  }

  /** Sets the system's clock forward or back by a number of milliseconds. */
  setBy(milliseconds: number): void {
    this.set += milliseconds
  }

  /** Lets the machine sleep: time passes, and nothing runs. */
  suspend(duration: Duration.DurationInput): void {
    this.now += Duration.toMillis(duration)
  }

  /** Lets time pass. Sleeping fibers wake in order, and each has run before the next one wakes. */
  adjust(duration: Duration.DurationInput): Effect.Effect<void> {
    return Effect.promise(async () => {
      const end = this.now + Duration.toMillis(duration)
      await turn()
      while (true) {
        const next = Math.min(...this.sleepers.map(({ at }) => at))
        if (next > end) break
        this.now = Math.max(this.now, next)
        const due = this.sleepers.filter(({ at }) => at <= this.now)
        this.sleepers = this.sleepers.filter(({ at }) => at > this.now)
        for (const { wake } of due) wake()
        await turn()
      }
      this.now = end
    })
  }
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
