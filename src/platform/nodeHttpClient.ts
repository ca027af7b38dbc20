/**
 * What tests ask a server with. A server needs no client, and undici's CommonJS does not run in a bundle of ES modules.
 *
 * A module of its own for the same reason as what writes log files.
 */
import type * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"

export const load = (): Promise<typeof NodeHttpClient> => import("@effect/platform-node/NodeHttpClient")
