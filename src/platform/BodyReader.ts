/**
 * A request body for Effect programs: as a stream, or whole.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { Exchange } from "../exchange/Exchange.js"
import { BodyError, tooLargeWhole } from "../exchange/ServerError.js"
import type { BodyBound } from "../server/bodyBound.js"

const ended: Effect.Effect<never, Option.Option<never>> = Effect.fail(Option.none())

/**
 * The body in pieces, as they arrive. A piece is read when the consumer pulls it. The first pull sends the 100 for which the
 * client waits.
 *
 * @since 0.1.0
 */
export const stream = (exchange: Exchange): Stream.Stream<Uint8Array, BodyError> => {
  const body = exchange.body
  const pull = (): Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<BodyError>> => {
    const taken = body.take()
    if (taken === undefined) return Effect.flatMap(arrival(exchange), pull)
    if (taken instanceof Uint8Array) return Effect.succeed(Chunk.of(taken))
    return taken instanceof BodyError ? Effect.fail(Option.some(taken)) : ended
  }
  return Stream.repeatEffectChunkOption(Effect.suspend(pull))
}

/**
 * Waits until a piece has arrived.
 *
 * @since 0.1.0
 */
export const arrival = (exchange: Exchange): Effect.Effect<void> =>
  Effect.async<void>((resume) => Effect.sync(exchange.body.wait(() => resume(Effect.void))))

/**
 * Reads a body whole, once. Later reads get the same bytes.
 *
 * @since 0.1.0
 */
export class WholeBody {
  private readonly pieces: Array<Uint8Array> = []
  private length = 0
  private whole: Uint8Array | undefined = undefined
  private readonly lock = Effect.unsafeMakeSemaphore(1)

  constructor(private readonly exchange: Exchange) {}

  /** All bytes. Fails with `TooLarge` if there are more than `bound` allows. */
  read(bound: BodyBound): Effect.Effect<Uint8Array, BodyError> {
    return Effect.suspend(() => {
      const done = this.step(bound)
      // a body that has arrived is read without the lock
      return done === undefined ? this.lock.withPermits(1)(this.wait(bound)) : done
    })
  }

  private wait(bound: BodyBound): Effect.Effect<Uint8Array, BodyError> {
    return Effect.suspend(() => this.step(bound) ?? Effect.flatMap(arrival(this.exchange), () => this.wait(bound)))
  }

  private step({ lift, most }: BodyBound): Effect.Effect<Uint8Array, BodyError> | undefined {
    // another read may have had a higher bound
    if (this.length > most) return Effect.fail(tooLargeWhole(most, lift))
    if (this.whole !== undefined) return Effect.succeed(this.whole)
    const { bodyLength } = this.exchange
    if (bodyLength !== undefined && bodyLength > most) return Effect.fail(tooLargeWhole(most, lift))
    while (true) {
      const taken = this.exchange.body.take()
      if (taken === undefined) return undefined
      if (taken instanceof BodyError) return Effect.fail(taken)
      if (!(taken instanceof Uint8Array)) {
        this.whole = this.pieces.length === 1 ? this.pieces[0] : concat(this.pieces, this.length)
        return Effect.succeed(this.whole)
      }
      this.pieces.push(taken)
      this.length += taken.length
      if (this.length > most) return Effect.fail(tooLargeWhole(most, lift))
    }
  }
}

const concat = (pieces: ReadonlyArray<Uint8Array>, length: number): Uint8Array => {
  const whole = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    whole.set(piece, at)
    at += piece.length
  }
  return whole
}
