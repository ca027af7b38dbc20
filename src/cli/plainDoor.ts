/**
 * Serves WSGI functions and web-standard handlers in a worker.
 *
 * @since 0.2.0
 */
import type * as Facade from "../index.js"
import type { WorkerListener } from "./messages.js"
import { counter, type LoadedApp, type Open } from "./Serving.js"
import { tlsOptions } from "./tlsOptions.js"

/**
 * @param facade of the package, which is a file of its own
 *
 * @since 0.2.0
 * @category constructors
 */
export const open = (facade: typeof Facade): Open => async (app, serve, enough, listening) => {
  const { listen, server, wrapTls } = facade
  const listenerOf = ({ tls, ...where }: WorkerListener) =>
    tls === undefined ? listen(where) : wrapTls(listen(where), tlsOptions(tls))
  const count = counter(serve.tellAfter, enough)
  const inner = appOf(app, facade.fetchApp)
  const counted: Facade.App = serve.tellAfter === 0 ? inner : (env, startResponse) => {
    count()
    return inner(env, startResponse)
  }
  const options: Facade.ServerOptions = {
    multiprocess: serve.multiprocess,
    ...serve.options,
    ...(serve.accessLog === "-"
      ? {}
      : serve.accessLog === "none"
      ? { log: () => undefined, errorLog: 2 }
      : { log: serve.accessLog }),
    ...(serve.logFormat === undefined ? {} : { logFormat: serve.logFormat })
  }
  listening()
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
    metrics: () => facade.sumMetrics(running.map(({ metrics }) => metrics())),
    reopen: () => {
      for (const { reopenLog } of running) reopenLog()
    }
  }
}

const appOf = ({ kind, value }: LoadedApp, fetchApp: typeof Facade.fetchApp): Facade.App => {
  if (kind === "wsgi" && isApp(value)) return value
  if (isFetchObject(value)) return fetchApp((request, env) => value.fetch(request, env))
  if (isHandler(value)) return fetchApp(value)
  throw new TypeError("no app")
}

const isApp = (value: unknown): value is Facade.App => typeof value === "function"
const isHandler = (value: unknown): value is Facade.FetchHandler => typeof value === "function"
const isFetchObject = (value: unknown): value is { readonly fetch: Facade.FetchHandler } =>
  (typeof value === "object" || typeof value === "function") && value !== null && "fetch" in value &&
  typeof value.fetch === "function"
