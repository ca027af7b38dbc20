/**
 * @since 0.2.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

/**
 * What signals and verbs have asked for: a stop, perhaps at once.
 *
 * @since 0.2.0
 * @category models
 */
export class StopOrder {
  private exitCode = 0

  constructor(
    private readonly stopping: Deferred.Deferred<void>,
    private readonly hurrying: Deferred.Deferred<void>
  ) {}

  /** The exit code of the command. */
  get code(): number {
    return this.exitCode
  }

  /** Asks for a stop. Returns `false` if it was asked for before. */
  get stop(): Effect.Effect<boolean> {
    return Deferred.succeed(this.stopping, undefined)
  }

  /** Asks for a stop without `--unready`. */
  get hurry(): Effect.Effect<boolean> {
    return Effect.zipRight(Deferred.succeed(this.hurrying, undefined), this.stop)
  }

  get awaitStop(): Effect.Effect<void> {
    return Deferred.await(this.stopping)
  }

  get awaitHurry(): Effect.Effect<void> {
    return Deferred.await(this.hurrying)
  }

  /** Makes the command exit with a code other than 0. */
  exitWith(code: number): void {
    this.exitCode = code
  }
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const make: Effect.Effect<StopOrder> = Effect.zipWith(
  Deferred.make<void>(),
  Deferred.make<void>(),
  (stopping, hurrying) => new StopOrder(stopping, hurrying)
)
