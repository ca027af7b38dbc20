/**
 * The peers that may speak for others.
 *
 * @since 0.2.0
 */
import type { Address } from "./Address.js"

/**
 * Tells which peers may speak for other clients.
 *
 * @since 0.1.0
 * @category models
 */
export interface TrustedProxies {
  readonly trusts: (peer: Address) => boolean
}

/**
 * Whether a peer may speak for others. Throws for an answer that is still to come: a promise or an Effect would count as yes.
 *
 * @since 0.2.0
 */
export const isTrusted = (proxies: TrustedProxies, peer: Address): boolean => {
  const answer: unknown = proxies.trusts(peer)
  if (typeof answer !== "object" || answer === null) return Boolean(answer)
  // the rejection of a promise would end the process
  Promise.resolve(answer).catch(() => undefined)
  throw new TypeError(
    "trusts of trustedProxies must return true or false, not an object such as a promise: it cannot wait"
  )
}

/**
 * @since 0.2.0
 * @category constructors
 */
export const none: TrustedProxies = { trusts: () => false }
