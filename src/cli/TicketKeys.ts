/**
 * The key of TLS session tickets. All workers have the same one, so each resumes the sessions of the others, also after a reload.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import { randomBytes } from "node:crypto"
import type { Facts } from "./Facts.js"
import { tellAll } from "./WorkerProcess.js"

/**
 * The time after which a key is replaced. A stolen key decrypts the sessions that were resumed with it, unless the client has
 * made a new key exchange.
 */
const renewal = "24 hours"

/**
 * @since 0.2.0
 * @category constructors
 */
export const random = (): Uint8Array => randomBytes(48)

/**
 * Makes a new key each day, and tells all workers. The client of an older session needs a full handshake.
 *
 * @since 0.2.0
 * @category constructors
 */
export const renewing = (facts: Facts): Effect.Effect<void> =>
  Effect.suspend(() => {
    facts.ticketKeys = random()
    return tellAll(facts.workers, { type: "ticketKeys", keys: facts.ticketKeys })
  }).pipe(
    Effect.schedule(Schedule.spaced(renewal)),
    Effect.asVoid
  )
