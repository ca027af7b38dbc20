/**
 * tsgi for runners of Effect Cluster. It needs @effect/cluster, @effect/rpc and @effect/sql, which `tsgi/effect` does not.
 *
 * @module tsgi/cluster
 * @since 0.2.0
 */
/// <reference types="node" preserve="true" />
export * as TsgiClusterHttp from "./platform/TsgiClusterHttp.js"
