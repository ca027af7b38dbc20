/**
 * Functions among the node:tls options that return promises. node:tls ignores a promise, so after a rejection the handshake
 * would wait until its deadline.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { catchRejection } from "../server/catchRejection.js"
import type { TlsOptions } from "./ListenOptions.js"

/**
 * Wraps these functions so that a rejection fails the handshake. Calls `failed` with a rejection that cannot do that.
 *
 * @since 0.2.0
 * @category conversions
 */
export const guardedCallbacks = (options: TlsOptions, failed: (error: unknown) => void): TlsOptions => {
  const { ALPNCallback, SNICallback, pskCallback } = options
  return {
    ...(SNICallback === undefined ? undefined : {
      SNICallback: (name, done) => {
        let hasAnswered = false
        const answer: typeof done = (error, context) => {
          hasAnswered = true
          done(error, context)
        }
        catchRejection(SNICallback.call(options, name, answer), (error) => {
          if (hasAnswered) failed(error)
          else done(error instanceof Error ? error : new Error("SNICallback failed", { cause: error }))
        })
      }
    }),
    ...(ALPNCallback === undefined ? undefined : {
      ALPNCallback: (offered) => {
        const chosen = ALPNCallback.call(options, offered)
        catchRejection(chosen, failed)
        // node:tls throws for other values
        return typeof chosen === "string" ? chosen : undefined
      }
    }),
    ...(pskCallback === undefined ? undefined : {
      pskCallback: (socket, identity) => {
        const found = pskCallback.call(options, socket, identity)
        catchRejection(found, failed)
        return Predicate.isPromiseLike(found) ? null : found
      }
    })
  }
}
