/**
 * tsgi for runners of Effect Cluster. Needs @effect/cluster, @effect/rpc and @effect/sql, which `tsgi/effect` does not.
 *
 * @since 0.2.0
 */
export * as TsgiClusterHttp from "./platform/TsgiClusterHttp.js"
