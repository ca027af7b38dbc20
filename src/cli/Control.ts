/**
 * Status and control by HTTP. Both are on a unix socket that only its user may open; the status is also on a TCP port.
 *
 * @since 0.2.0
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { BoundSocket } from "../node/BoundSocket.js"
import * as TsgiHttpServer from "../platform/TsgiHttpServer.js"
import { causeOf, noControl } from "./claims.js"
import type { ReloadResult } from "./Facts.js"
import { Journal } from "./Journal.js"
import type { StatusPlace } from "./Listening.js"
import { monotonic } from "./monotonic.js"
import * as PrometheusText from "./PrometheusText.js"
import * as Status from "./Status.js"
import * as StatusPage from "./StatusPage.js"
import type { Refused, Supervisor } from "./Supervisor.js"
import { seriesOf } from "./supervisorMetrics.js"
import { mostWorkers } from "./values.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Controlled {
  readonly supervisor: Supervisor
  readonly reload: Effect.Effect<ReloadResult>
  readonly identity: Status.Identity
  readonly bootTimeout: number
  readonly stop: Effect.Effect<void>
  readonly stopNow: Effect.Effect<void>
}

const json = (status: number, body: object): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.text(`${JSON.stringify(body)}\n`, { status, contentType: "application/json" })

const refused = (status: number, error: string): HttpServerResponse.HttpServerResponse => json(status, { error })

// A status is out of date at once, so it is not cached.
const fresh = HttpServerResponse.setHeader("Cache-Control", "no-store")

const probe = (yes: boolean, word: string) =>
  HttpServerResponse.text(`${yes ? "" : "not "}${word}\n`, { status: yes ? 200 : 503 })

/**
 * The app of the control socket and of the TCP port.
 *
 * @param mayControl whether requests may change the server
 *
 * @since 0.2.0
 * @category constructors
 */
export const app = (
  { bootTimeout, identity, reload, stop, stopNow, supervisor }: Controlled,
  mayControl: boolean
): Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest | Journal> =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const { pathname, searchParams } = new URL(request.url, "http://tsgi")
    const change = changes[pathname]
    const isRead = request.method === "GET" || request.method === "HEAD"
    if (change !== undefined) {
      if (isRead || request.method !== "POST" || !mayControl) {
        return HttpServerResponse.setHeader(
          refused(405, mayControl ? "use POST" : "this address is read-only: use the control socket"),
          "Allow",
          mayControl ? "POST" : ""
        )
      }
      return yield* Effect.catchAll(
        change({ supervisor, reload, stop, stopNow, given: searchParams }),
        ({ _tag, message }) => Effect.succeed(json(409, { error: message, reason: _tag }))
      )
    }
    if (!isRead) return HttpServerResponse.setHeader(refused(405, "use GET"), "Allow", "GET, HEAD")
    const { facts } = supervisor
    const now = yield* monotonic
    switch (pathname) {
      case "/ready":
        return fresh(probe(Status.isReady(facts), "ready"))
      case "/live":
        return fresh(probe(Status.isLive(facts, bootTimeout, now), "live"))
      case "/metrics":
        return HttpServerResponse.text(PrometheusText.format(seriesOf(facts, now)), {
          contentType: PrometheusText.contentType
        })
      case "/":
      case "/status": {
        const journal = yield* Journal
        const status = Status.make(facts, identity, yield* journal.newest, now)
        return fresh(
          (request.headers["accept"] ?? "").includes("text/html")
            ? HttpServerResponse.html(StatusPage.render(status))
            : json(200, status)
        )
      }
      default:
        return refused(
          404,
          "there are /ready, /live, /status, /metrics, and to POST /reload, /stop, /scale, /recycle, /reopen"
        )
    }
  })

interface Asked extends Pick<Controlled, "supervisor" | "reload" | "stop" | "stopNow"> {
  readonly given: URLSearchParams
}

const changes: Readonly<
  Record<string, ((asked: Asked) => Effect.Effect<HttpServerResponse.HttpServerResponse, Refused>) | undefined>
> = {
  "/reload": ({ reload }) => Effect.map(reload, (outcome) => json(outcome.result === "done" ? 200 : 409, outcome)),
  "/stop": ({ given, stop, stopNow }) => Effect.as(given.has("now") ? stopNow : stop, json(202, { state: "stopping" })),
  "/scale": ({ given, supervisor }) => {
    const { sign = "", workers } = /^(?<sign>[+ -]?)(?<workers>\d{1,4})$/.exec(given.get("workers") ?? "")?.groups ?? {}
    if (workers === undefined) return Effect.succeed(refused(400, "give ?workers=n, +n or -n"))
    if (sign === "" && Number(workers) === 0) {
      return Effect.succeed(refused(400, `cannot scale to 0: at least one worker must stay; tsgi stop ends the server`))
    }
    const { length } = supervisor.facts.slots
    const wanted = sign === "" ? Number(workers) : length + (sign === "-" ? -1 : 1) * Number(workers)
    if (wanted > mostWorkers) return Effect.succeed(refused(400, `scale ${wanted}: must be at most ${mostWorkers}`))
    return Effect.map(supervisor.scale(wanted), (workers) => json(200, { workers }))
  },
  "/recycle": ({ given, supervisor }) => {
    const slot = given.get("slot")
    return Effect.map(
      supervisor.recycle(slot === null ? undefined : Number(slot)),
      (found) => found ? json(202, { slot: slot ?? "all" }) : refused(404, `there is no slot ${slot}`)
    )
  },
  "/reopen": ({ supervisor }) => Effect.as(supervisor.reopen, json(200, {}))
}

/**
 * Serves on the control socket. If that fails, logs a warning and returns `false`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const serveSocket = (
  path: string,
  socket: BoundSocket,
  controlled: Controlled
): Effect.Effect<boolean, never, Scope.Scope | Journal> =>
  serveAt({ socket }, app(controlled, true)).pipe(
    Effect.as(true),
    Effect.catchAll((error) =>
      Effect.gen(function*() {
        const journal = yield* Journal
        yield* journal.warn("control", noControl(path, error))
        return false
      })
    )
  )

/**
 * Serves the status on a TCP port, and returns its address.
 *
 * @since 0.2.0
 * @category constructors
 */
export const serveTcp = (
  place: StatusPlace,
  controlled: Controlled
): Effect.Effect<string, { readonly message: string }, Scope.Scope | Journal> =>
  Effect.mapBoth(serveAt(place, app(controlled, false)), {
    onFailure: (error) => ({ message: causeOf(error) }),
    onSuccess: HttpServer.formatAddress
  })

const serveAt = (
  where: TsgiHttpServer.Options,
  handler: Effect.Effect<HttpServerResponse.HttpServerResponse, never, HttpServerRequest.HttpServerRequest | Journal>
) =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const server = yield* TsgiHttpServer.make({ ...where, timeouts: { grace: 2000 }, limits: { connections: 256 } })
    yield* server.serve(Effect.provideService(handler, Journal, journal))
    return server.address
  })
