/**
 * The sockets that workers inherit: bound here, or inherited here already.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { type Address, format } from "../exchange/Address.js"
import { activatedSockets, type Environment } from "../node/activation.js"
import * as BoundSocket from "../node/BoundSocket.js"
import { Journal } from "./Journal.js"
import type { Place } from "./messages.js"
import type { ListenSpec, Settings } from "./Settings.js"
import { messageOf } from "./streams.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Listening {
  readonly at: Place
  readonly tls: boolean
  /** For people. */
  readonly address: string
  readonly from: "bind" | "inherited" | "activation"
}

/**
 * Binds all of them, closed with the Scope: no connection is accepted before a worker listens.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  settings: Binding & Pick<Settings, "listenByDefault">,
  env: Environment
): Effect.Effect<ReadonlyArray<Listening>, { readonly message: string }, Scope.Scope | Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    if (!settings.listenByDefault) {
      if (env["LISTEN_FDS"] !== undefined && Number(env["LISTEN_PID"]) === process.pid) {
        yield* journal.warn("activation", "LISTEN_FDS is not used: an address was given, which goes before it")
      }
      return yield* bindAll(settings)
    }
    const activated = yield* Effect.try({
      try: () => activatedSockets(env),
      catch: (error) => ({ message: messageOf(error) })
    })
    if (activated.length > 0) {
      const tls = settings.listen.some(({ tls }) => tls)
      return activated.map(({ fd, name }): Listening => ({
        at: { fd },
        tls,
        address: `${tls ? "https" : "http"}:fd:${fd}${name === undefined ? "" : ` (${name})`}`,
        from: "activation"
      }))
    }
    if (env["LISTEN_FDS"] !== undefined && env["LISTEN_PID"] !== undefined) {
      yield* journal.warn(
        "activation",
        `LISTEN_FDS is meant for pid ${
          env["LISTEN_PID"]
        } and not for this process: start node_modules/.bin/tsgi without a wrapper`
      )
    }
    return yield* bindAll(settings)
  })

type Binding = Pick<Settings, "listen" | "backlog" | "bindRetry" | "workers" | "platform">

const bindAll = (
  settings: Binding
): Effect.Effect<ReadonlyArray<Listening>, { readonly message: string }, Scope.Scope> =>
  Effect.forEach(settings.listen, (spec) => {
    const scheme = spec.tls ? "https" : "http"
    if (spec._tag === "Descriptor") {
      if (!isSocket(spec.fd)) return Effect.fail({ message: `--fd ${spec.fd}: no socket was inherited as that` })
      return Effect.succeed<Listening>({
        at: { fd: spec.fd },
        tls: spec.tls,
        address: `${scheme}:fd:${spec.fd}`,
        from: "inherited"
      })
    }
    const place = placeOf(spec)
    // it has no descriptors of sockets: who serves in this process binds them
    if (settings.platform === "win32") {
      return Effect.succeed<Listening>({
        at: place,
        tls: spec.tls,
        address: format(addressOf(spec), scheme),
        from: "bind"
      })
    }
    const bound = BoundSocket.make({ backlog: settings.backlog, ...place })
    return Effect.map(
      settings.bindRetry
        ? Effect.retry(bound, { schedule: patient, while: ({ reason }) => reason === "AddressInUse" })
        : bound,
      (socket): Listening => ({
        // who serves in this process closes it
        at: { fd: settings.workers === 0 ? socket.take() : socket.fd },
        tls: spec.tls,
        address: format(socket.address, scheme),
        from: "bind"
      })
    )
  })

const isSocket = (fd: number): boolean => {
  try {
    return Fs.fstatSync(fd).isSocket()
  } catch {
    return false
  }
}

type Bindable = Exclude<ListenSpec, { readonly _tag: "Descriptor" }>

const placeOf = (spec: Bindable): Exclude<Place, { readonly fd: number }> =>
  spec._tag === "Unix" ? { path: spec.path, mode: spec.mode } : { host: spec.host, port: spec.port }

const addressOf = (spec: Bindable): Address =>
  spec._tag === "Unix" ? { _tag: "Unix", path: spec.path } : { _tag: "Tcp", host: spec.host, port: spec.port }

// 8 tries in all
const patient = Schedule.intersect(Schedule.exponential("500 millis"), Schedule.recurs(7))
