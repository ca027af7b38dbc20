/**
 * Loads the client of `layerTest` when that is built, because undici, which is CommonJS, does not run in a bundle of ES modules.
 * This is a module of its own, so that bundlers can follow its `import()`.
 */
import type * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"

export const load = (): Promise<typeof NodeHttpClient> => import("@effect/platform-node/NodeHttpClient")
