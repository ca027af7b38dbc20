/**
 * tsgi for Effect programs: the HttpServer, what handlers may ask of it, and the engine's services.
 *
 * @since 0.1.0
 */
export * as AccessLogFile from "./node/AccessLogFile.js"
export * as BoundSocket from "./node/BoundSocket.js"
export * as NodeListener from "./node/NodeListener.js"
export * as TrustedProxies from "./node/TrustedProxies.js"
export * as InterimResponses from "./platform/InterimResponses.js"
export * as Posthooks from "./platform/Posthooks.js"
export * as TsgiHttpServer from "./platform/TsgiHttpServer.js"
export * as AccessLog from "./server/AccessLog.js"
export * as AccessLogFormat from "./server/AccessLogFormat.js"
export * as Address from "./server/Address.js"
export * as Drain from "./server/Drain.js"
export * as Exchange from "./server/Exchange.js"
export * as Listener from "./server/Listener.js"
export * as Metrics from "./server/Metrics.js"
export * as Outcome from "./server/Outcome.js"
export * as RequestBody from "./server/RequestBody.js"
export * as RequestParser from "./server/RequestParser.js"
export * as ResponseWriter from "./server/ResponseWriter.js"
export * as Server from "./server/Server.js"
export * as ServerConfig from "./server/ServerConfig.js"
export * as ServerError from "./server/ServerError.js"
export * as Transport from "./server/Transport.js"
export * as MemoryListener from "./testing/MemoryService.js"
