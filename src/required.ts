/**
 * `tsgi/effect` as Node requires it: the same as `checked.ts`, without waiting. It is an ES module, as all modules of the package
 * are.
 *
 * @since 0.2.0
 */
import { createRequire } from "node:module"
import { explain } from "./platform/peers.js"

const load = (): typeof import("./effect.js") => {
  try {
    return createRequire(import.meta.url)("./effect.js") as typeof import("./effect.js")
  } catch (error) {
    throw explain(error)
  }
}

/**
 * @since 0.2.0
 */
export const {
  AccessLog,
  AccessLogFile,
  AccessLogFormat,
  Address,
  BoundSocket,
  Drain,
  Exchange,
  InterimResponses,
  Listener,
  MemoryListener,
  MetricSeries,
  Metrics,
  NodeListener,
  Outcome,
  Posthooks,
  RequestBody,
  RequestParser,
  ResponseWriter,
  SafeLogger,
  Server,
  ServerConfig,
  ServerError,
  ServerMetrics,
  SocketActivation,
  SocketScope,
  Transport,
  TrustedProxies,
  TsgiHttpServer
} = load()
