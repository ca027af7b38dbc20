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
 * @since 0.2.0
 * @category constructors
 */
export const none: TrustedProxies = { trusts: () => false }
