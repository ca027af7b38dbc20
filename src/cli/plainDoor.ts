/**
 * Serves WSGI functions and web-standard handlers in a worker.
 *
 * @since 0.2.0
 */
import type * as Tsgi from "../index.js"
import type { WorkerListener } from "./messages.js"
import { counter, type LoadedApp, type Open, type Serving } from "./Serving.js"
import { tlsOptions } from "./tlsOptions.js"

/**
 * @param tsgi the module `tsgi`, which is a file of its own
 *
 * @since 0.2.0
 * @category constructors
 */
export const open = (tsgi: typeof Tsgi): Open => async (app, serve, enough) => {
  const { listen, server, wrapTls } = tsgi
  const secured: Array<Tsgi.TlsListener> = []
  const listenerOf = ({ tls, ...where }: WorkerListener): Tsgi.Listener => {
    if (tls === undefined) return listen(where)
    const listener = wrapTls(listen(where), tlsOptions(tls, serve.ticketKeys))
    secured.push(listener)
    return listener
  }
  const count = counter(serve.tellAfter, enough)
  const inner = appOf(app, tsgi.fetchApp)
  const counted: Tsgi.App = serve.tellAfter === 0 ? inner : (env, startResponse) => {
    count()
    return inner(env, startResponse)
  }
  const options: Tsgi.ServerOptions = {
    multiprocess: serve.multiprocess,
    announce: serve.announce,
    ...serve.options,
    ...(serve.accessLog === "-"
      ? {}
      : serve.accessLog === "none"
      ? { log: false as const }
      : { log: serve.accessLog }),
    ...(serve.logFormat === undefined ? {} : { logFormat: serve.logFormat })
  }
  // without a listener, the app is only checked
  if (serve.listeners.length === 0) return openInMemory(tsgi, counted, options)
  const running = serve.listeners.map((listener) => server(listenerOf(listener), counted, options))
  await Promise.all(running.map(({ ready }) => ready))
  return {
    stop: async (options) => {
      const reports = await Promise.all(running.map((one) => one.stop(options)))
      return {
        cut: reports.reduce((sum, { cut }) => sum + cut, 0),
        interrupted: reports.reduce((sum, { interrupted }) => sum + interrupted, 0)
      }
    },
    // the engine runs on the same metrics, so Effect's count of fibers would be the engine's
    series: () => tsgi.applicationMetrics().filter(({ name }) => !name.startsWith("effect_fiber_")),
    metrics: () => tsgi.sumMetrics(running.map(({ metrics }) => metrics())),
    reopen: () => {
      for (const { reopenLog } of running) reopenLog()
    },
    setTicketKeys: (keys) => {
      for (const listener of secured) listener.setTicketKeys(keys)
    }
  }
}

// Checks the app and its options without a socket.
const openInMemory = async (
  tsgi: typeof Tsgi,
  app: Tsgi.App,
  options: Tsgi.ServerOptions
): Promise<Serving> => {
  const { MemoryListener } = await import("../testing.js")
  const running = tsgi.server(MemoryListener.make().listener, app, { ...options, logOutput: false })
  await running.ready
  return {
    stop: running.stop,
    metrics: running.metrics,
    series: () => [],
    reopen: () => undefined,
    setTicketKeys: () => undefined
  }
}

const appOf = ({ kind, value }: LoadedApp, fetchApp: typeof Tsgi.fetchApp): Tsgi.App => {
  if (kind === "wsgi" && isApp(value)) return value
  if (isFetchObject(value)) return fetchApp((request, env) => value.fetch(request, env))
  if (isHandler(value)) return fetchApp(value)
  throw new TypeError("no app")
}

const isApp = (value: unknown): value is Tsgi.App => typeof value === "function"
const isHandler = (value: unknown): value is Tsgi.FetchHandler => typeof value === "function"
const isFetchObject = (value: unknown): value is { readonly fetch: Tsgi.FetchHandler } =>
  (typeof value === "object" || typeof value === "function") && value !== null && "fetch" in value &&
  typeof value.fetch === "function"
