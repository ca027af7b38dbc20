/**
 * The functions among `node:tls` options, where they return promises: node:tls looks at none, and whoever waits for the
 * handshake would wait until its deadline.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import { catchRejection } from "../server/catchRejection.js"
import type { TlsOptions } from "./ListenOptions.js"

/**
 * The same functions; a handshake whose function rejects fails. `failed` is told where the handshake cannot be.
 *
 * @since 0.2.0
 * @category conversions
 */
export const lookedAt = (
  { ALPNCallback, SNICallback, pskCallback }: TlsOptions,
  failed: (error: unknown) => void
): TlsOptions => ({
  ...(SNICallback === undefined ? undefined : {
    SNICallback: (name, done) => {
      let over = false
      const answer: typeof done = (error, context) => {
        over = true
        done(error, context)
      }
      catchRejection(SNICallback(name, answer), (error) => {
        if (over) failed(error)
        else done(error instanceof Error ? error : new Error("SNICallback failed", { cause: error }))
      })
    }
  }),
  ...(ALPNCallback === undefined ? undefined : {
    ALPNCallback: (offered) => {
      const chosen = ALPNCallback(offered)
      catchRejection(chosen, failed)
      // anything else is an exception of node:tls
      return typeof chosen === "string" ? chosen : undefined
    }
  }),
  ...(pskCallback === undefined ? undefined : {
    pskCallback: (socket, identity) => {
      const found = pskCallback(socket, identity)
      catchRejection(found, failed)
      return Predicate.isPromiseLike(found) ? null : found
    }
  })
})
