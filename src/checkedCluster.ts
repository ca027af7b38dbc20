/**
 * `tsgi/cluster` as Node imports it, as `checked.ts` is `tsgi/effect`. `require` uses `requiredCluster.ts`, and bundlers use
 * `cluster.ts`.
 *
 * @since 0.2.0
 */
import { explain } from "./platform/peers.js"

/**
 * @since 0.2.0
 */
export const { TsgiClusterHttp } = await import("./cluster.js").catch((error: unknown) => {
  throw explain(error, "tsgi/cluster")
})
