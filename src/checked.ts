/**
 * `tsgi/effect` as Node imports it: an error says in one line which package is missing. `require`, which cannot wait, uses
 * `required.ts`. Bundlers, which report missing packages themselves, use `effect.ts`.
 *
 * @since 0.2.0
 */
import { explain } from "./platform/peers.js"

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
} = await import("./effect.js").catch((error: unknown) => {
  throw explain(error)
})
