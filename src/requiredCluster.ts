/**
 * `tsgi/cluster` as Node requires it: the same as `checkedCluster.ts`, without waiting.
 *
 * @since 0.2.0
 */
import { createRequire } from "node:module"
import { explain } from "./platform/peers.js"

const load = (): typeof import("./cluster.js") => {
  try {
    return createRequire(import.meta.url)("./cluster.js") as typeof import("./cluster.js")
  } catch (error) {
    throw explain(error, "tsgi/cluster")
  }
}

/**
 * @since 0.2.0
 */
export const { TsgiClusterHttp } = load()
