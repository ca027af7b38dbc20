/**
 * The sockets of a server, which the supervisor has bound or inherited.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Fs from "node:fs"
import { type Address, listenAddress } from "../exchange/Address.js"
import type { BindError } from "../exchange/ServerError.js"
import { type ActivatedSocket, activatedSockets, activationFor, type Environment } from "../node/activation.js"
import * as BoundSocket from "../node/BoundSocket.js"
import { isAncestor } from "./ancestors.js"
import { claimAddress } from "./claims.js"
import { inheritedAddress } from "./inheritedAddress.js"
import { Journal } from "./Journal.js"
import { collide, type ListenSpec } from "./ListenSettings.js"
import type { Place } from "./messages.js"
import type { Settings } from "./Settings.js"
import { messageOf } from "./streams.js"
import { nextTry } from "./workerLines.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface Listening {
  readonly at: Place
  readonly tls: boolean
  /** The address for messages. */
  readonly address: string
  readonly from: "bind" | "inherited" | "activation"
}

/**
 * The sockets that workers inherit. They are closed with the Scope, and accept no connection before a worker listens.
 *
 * @since 0.2.0
 * @category constructors
 */
export const make = (
  settings: Binding & Pick<Settings, "listenByDefault">,
  env: Environment
): Effect.Effect<ReadonlyArray<Listening>, { readonly message: string }, Scope.Scope | Journal> =>
  Effect.gen(function*() {
    const sockets = yield* activation(settings.listenByDefault, env)
    if (sockets.length > 0) {
      return sockets.map((socket) => activated(socket, settings.listen.some(({ tls }) => tls)))
    }
    const claims: Claims = { env, own: new Set() }
    const all = yield* Effect.forEach(settings.listen, (spec) => open(spec, settings, claims))
    const twice = settings.platform === "win32" ? undefined : sameOf(settings.listen, all)
    return twice === undefined ? all : yield* Effect.fail({ message: `${twice}: they are one address; give it once` })
  })

// Two names of one address are found out once they are bound.
const sameOf = (listen: ReadonlyArray<ListenSpec>, all: ReadonlyArray<Listening>): string | undefined => {
  for (const [i, { address, from }] of all.entries()) {
    const j = all.slice(0, i).findIndex((other) => isBoundAt(other, schemeless(address)))
    if (j >= 0 && from === "bind") return `${asGiven(listen[j])} and ${asGiven(listen[i])}`
  }
  return undefined
}

const asGiven = (spec: ListenSpec | undefined): string =>
  spec === undefined || spec._tag === "Descriptor" ? "" : shown(addressOf(spec), spec.tls)

const isBoundAt = ({ address, from }: Pick<Listening, "address" | "from">, place: string): boolean =>
  from === "bind" && schemeless(address) === place

const schemeless = (address: string): string => address.replace(/^https?(?:\+|:\/\/)/, "")

// The sockets that are served in place of the default address.
const activation = (
  listenByDefault: boolean,
  env: Environment
): Effect.Effect<ReadonlyArray<ActivatedSocket>, { readonly message: string }, Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const announced = Effect.try({
      try: () => activationFor(env),
      catch: (error) => ({ message: messageOf(error) })
    })
    if (!listenByDefault) {
      // here, invalid variables do not matter
      if ((yield* Effect.orElseSucceed(announced, () => "none")) === "this") {
        yield* journal.warn("activation", "LISTEN_FDS is not used: an address was given, which takes precedence")
      }
      return []
    }
    if ((yield* announced) === "other") {
      const pid = env["LISTEN_PID"]
      // clients connect to those sockets, and would wait there for ever
      if (isAncestor(Number(pid))) {
        return yield* Effect.fail({
          message:
            `LISTEN_FDS is for pid ${pid}, which started this process: start node_modules/.bin/tsgi without npx ` +
            "or another wrapper, or give an address"
        })
      }
      yield* journal.warn(
        "activation",
        `LISTEN_FDS is for pid ${pid}, not for this process: start node_modules/.bin/tsgi without a wrapper`
      )
    }
    return yield* Effect.try({
      try: () => activatedSockets(env),
      catch: (error) => ({ message: messageOf(error) })
    })
  })

const activated = ({ fd, name }: ActivatedSocket, tls: boolean): Listening => ({
  at: { fd },
  tls,
  address: inherited(fd, tls, name),
  from: "activation"
})

const shown = (address: Address, tls: boolean): string => listenAddress(address, tls ? "https" : "http")

const inherited = (fd: number, tls: boolean, name?: string): string => {
  const address = inheritedAddress(fd)
  return address === undefined
    ? `${tls ? "https+" : ""}fd:${fd}${name === undefined ? "" : ` (${name})`}`
    : shown(address, tls)
}

/**
 * The address of the status. It is a bound socket, or on Windows, which has none, the address to bind.
 *
 * @since 0.2.0
 * @category models
 */
export type StatusPlace =
  | { readonly socket: BoundSocket.BoundSocket }
  | { readonly host: string; readonly port: number }

/**
 * Binds the address of `--status`, so that an address in use is found before a worker starts. Returns `undefined` if none is set.
 * Fails if the server itself listens there, which the system only finds out when both listen.
 *
 * @param listening the sockets of the server; activated ones replace the addresses in the settings
 *
 * @since 0.2.0
 * @category constructors
 */
export const makeStatus = (
  { listen, platform, status }: Pick<Settings, "listen" | "status" | "platform">,
  listening: ReadonlyArray<Pick<Listening, "address" | "from">>
): Effect.Effect<StatusPlace | undefined, { readonly message: string }, Scope.Scope> =>
  status === undefined
    ? Effect.succeed(undefined)
    : listening.every(({ from }) => from !== "activation") &&
        listen.some((spec) => collide(spec, { _tag: "Tcp", ...status, tls: false }))
    ? Effect.fail(takenBySelf(status))
    : platform === "win32"
    ? Effect.succeed(status)
    : BoundSocket.make(status).pipe(
      Effect.mapError(({ message }) => ({ message: `--status: ${message}` })),
      Effect.filterOrFail(
        ({ address }) => !listening.some((one) => isBoundAt(one, schemeless(shown(address, false)))),
        () => takenBySelf(status)
      ),
      Effect.map((socket) => ({ socket }))
    )

const takenBySelf = (
  { host, port }: { readonly host: string; readonly port: number }
): { readonly message: string } => ({
  message: `--status ${host}:${port}: the server itself listens there; give it another port`
})

type Binding = Pick<Settings, "listen" | "backlog" | "bindRetry" | "workers" | "platform">

const open = (
  spec: ListenSpec,
  settings: Binding,
  claims: Claims
): Effect.Effect<Listening, { readonly message: string }, Scope.Scope | Journal> => {
  if (spec._tag === "Descriptor") {
    const { fd, tls } = spec
    return isSocket(fd)
      ? Effect.succeed({ at: { fd }, tls, address: inherited(fd, tls), from: "inherited" })
      : Effect.fail({ message: `--fd ${fd}: no socket was inherited as that` })
  }
  const place = placeOf(spec)
  const listening = (at: Place, address: Address): Listening => ({
    at,
    tls: spec.tls,
    address: shown(address, spec.tls),
    from: "bind"
  })
  // Windows has no descriptors of sockets, so the server binds by itself
  if (settings.platform === "win32") return Effect.succeed(listening(place, addressOf(spec)))
  const at = shown(addressOf(spec), spec.tls)
  const bound = BoundSocket.make({ backlog: settings.backlog, ...place }).pipe(
    Effect.mapError((error) => ({ reason: error.reason, message: bindLine(error, at) })),
    Effect.tap((socket) => claimed(spec, socket, at, claims))
  )
  return Effect.map(
    settings.bindRetry ? patiently(bound, mostTries, firstWait) : bound,
    // the server that serves in this process closes the descriptor
    (socket) => listening({ fd: settings.workers === 0 ? socket.take() : socket.fd }, socket.address)
  )
}

interface Claims {
  readonly env: Environment
  /** Addresses that this server has claimed already. */
  readonly own: Set<string>
}

// The file of a unix socket is claimed as it is bound, and a free port is nobody else's.
const claimed = (
  spec: Bindable,
  { address, close }: BoundSocket.BoundSocket,
  at: string,
  { env, own }: Claims
): Effect.Effect<void, Unbound, Scope.Scope> => {
  const name = schemeless(shown(address, false))
  if (spec._tag === "Unix" || spec.port === 0 || own.has(name)) return Effect.void
  return Effect.mapBoth(claimAddress(name, env), {
    onFailure: ({ message, reason }) => {
      close()
      return { reason, message: `cannot listen on ${at}: ${message}` }
    },
    onSuccess: () => void own.add(name)
  })
}

const bindLine = ({ address, message, reason }: BindError, at: string): string =>
  reason === "InvalidOptions"
    ? message.replace("cannot listen", `cannot listen on ${at}`)
    : message.replace(address, at)

const isSocket = (fd: number): boolean => {
  try {
    // see statOf of node/unixSocket.ts
    return Fs.fstatSync(fd, { bigint: true }).isSocket()
  } catch {
    return false
  }
}

type Bindable = Exclude<ListenSpec, { readonly _tag: "Descriptor" }>

const placeOf = (spec: Bindable): Exclude<Place, { readonly fd: number }> =>
  spec._tag === "Unix" ? { path: spec.path, mode: spec.mode } : { host: spec.host, port: spec.port }

const addressOf = (spec: Bindable): Address =>
  spec._tag === "Unix" ? { _tag: "Unix", path: spec.path } : { _tag: "Tcp", host: spec.host, port: spec.port }

const mostTries = 8
/** Milliseconds. */
const firstWait = 500

const patiently = <A, R>(bound: Effect.Effect<A, Unbound, R>, tries: number, wait: number): Bound<A, R> =>
  Effect.catchIf(
    bound,
    ({ reason }) => reason === "AddressInUse" && tries > 1,
    ({ message }) =>
      Effect.gen(function*() {
        const journal = yield* Journal
        yield* journal.warn("bind", `${message};${nextTry(wait)}`)
        yield* Effect.sleep(wait)
        return yield* patiently(bound, tries - 1, 2 * wait)
      })
  )

type Unbound = Pick<BindError, "reason" | "message">
type Bound<A, R> = Effect.Effect<A, Unbound, R | Journal>
