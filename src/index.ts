/**
 * An HTTP server for plain TypeScript, in the manner of Python's `eventlet.wsgi`.
 *
 * @module tsgi
 * @since 0.1.0
 */
/// <reference types="node" preserve="true" />
export type { Address } from "./exchange/Address.js"
export type { Aborted, AbortReason, Failed, Outcome, Sent } from "./exchange/Outcome.js"
export type { TlsInfo } from "./exchange/PeerFacts.js"
export {
  BindError,
  BodyError,
  InterimError,
  OptionError,
  RequestError,
  ResponseError,
  TransportError,
  WriteError
} from "./exchange/ServerError.js"
export { type ActivatedSocket, activatedSockets, withoutActivation } from "./node/activation.js"
export { bind, type BindOptions } from "./node/bind.js"
export type { BoundSocket, ListenOptions, TlsOptions } from "./node/ListenOptions.js"
export type { ProxyAddress, ProxyHeader, ProxySsl, ProxyTlv } from "./protocol/proxyHeader.js"
export type { AccessRecord } from "./server/AccessRecord.js"
export { type MetricSeries, ofApplication as applicationMetrics } from "./server/Series.js"
export { type ServerMetrics, sum as sumMetrics } from "./server/ServerMetrics.js"
export type { StopOptions, StopReport } from "./server/StopReport.js"
export type { App, AppBody, StartResponse, Write } from "./wsgi/App.js"
export type { Environ, PostHook, PostHookEntry, PostHookOptions, PostHooks, PostHookTuple } from "./wsgi/Environ.js"
export { fetchApp, type FetchHandler } from "./wsgi/fetchApp.js"
export { handleSignals } from "./wsgi/handleSignals.js"
export type { HeaderPair, HeaderPairs } from "./wsgi/HeaderPairs.js"
export type { Input } from "./wsgi/Input.js"
export { listen, type Listener, type TlsListener, wrapTls } from "./wsgi/listen.js"
export type { LogTarget } from "./wsgi/Log.js"
export type { LogEntry, LogEntryFormat } from "./wsgi/LogEntry.js"
export type { ServerOptions } from "./wsgi/Options.js"
export { type RunningServer, server } from "./wsgi/server.js"
