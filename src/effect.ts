/**
 * tsgi for Effect programs: the HttpServer, its functions for handlers, and the engine's services.
 *
 * @module tsgi/effect
 * @since 0.1.0
 */
/// <reference types="node" preserve="true" />
export * as Address from "./exchange/Address.js"
export * as Exchange from "./exchange/Exchange.js"
export * as Outcome from "./exchange/Outcome.js"
export * as RequestBody from "./exchange/RequestBody.js"
export * as ResponseWriter from "./exchange/ResponseWriter.js"
export * as ServerError from "./exchange/ServerError.js"
export * as AccessLogFile from "./node/AccessLogFile.js"
export * as SocketActivation from "./node/activation.js"
export * as BoundSocket from "./node/BoundSocket.js"
export * as NodeListener from "./node/NodeListener.js"
export * as TrustedProxies from "./node/TrustedProxies.js"
export * as InterimResponses from "./platform/InterimResponses.js"
export * as Posthooks from "./platform/Posthooks.js"
export * as SafeLogger from "./platform/SafeLogger.js"
export * as SocketScope from "./platform/SocketScope.js"
export * as TsgiHttpServer from "./platform/TsgiHttpServer.js"
export * as AccessLog from "./server/AccessLog.js"
export * as AccessLogFormat from "./server/AccessLogFormat.js"
export * as Drain from "./server/Drain.js"
export * as Listener from "./server/Listener.js"
export * as Metrics from "./server/Metrics.js"
export * as MetricSeries from "./server/MetricSeries.js"
export * as RequestParser from "./server/RequestParser.js"
export * as Server from "./server/Server.js"
export * as ServerConfig from "./server/ServerConfig.js"
export * as ServerMetrics from "./server/ServerMetrics.js"
export * as MemoryListener from "./testing/MemoryService.js"
export * as Transport from "./transport/Transport.js"
