/**
 * Listening sockets: TCP, unix, an inherited descriptor, each plain or with TLS.
 *
 * @module
 * @since 0.1.0
 */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import type * as Net from "node:net"
import type { Address } from "../exchange/Address.js"
import { BindError, bindErrorFrom, OptionError } from "../exchange/ServerError.js"
import { type Acceptor, type BoundListener, Listener } from "../server/Listener.js"
import { acceptWaiting } from "./Closing.js"
import { Intake, type IntakeOptions } from "./Intake.js"
import { check, describe, portOf, validate } from "./listenChecks.js"
import type { ListenOptions, TlsCredentials, TlsOptions } from "./ListenOptions.js"
import { keepReadMemory } from "./readMemory.js"
import { checkTls } from "./tlsChecks.js"
import { tlsProblem } from "./tlsProblem.js"
import { TlsSettings } from "./TlsSettings.js"
import { claim, pathOf } from "./unixSocket.js"

export { check, type ListenOptions, type TlsCredentials, type TlsOptions, TlsSettings }

/**
 * A listener on TCP, a unix socket or an inherited descriptor, with TLS if `tls` is given. It binds when `bind` is run, and can
 * be bound again after it was closed. `bind` fails with a `BindError`, whose reason is `InvalidOptions` for an invalid option.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: ListenOptions, tls?: TlsSettings): Context.Tag.Service<Listener> => ({
  bind: (acceptor, { address, handshakes, handshakeTimeout }) => {
    const scheme = tls === undefined ? "http" : "https"
    return Effect.acquireRelease(
      Effect.tryPromise({
        try: () => {
          check(options)
          if (tls !== undefined) checkTls(tls.options)
          const again = address?._tag === "Tcp" && options.fd === undefined
            ? { ...options, port: address.port }
            : options
          return open({ listen: again, tls, handshakes, handshakeTimeout }, acceptor)
        },
        catch: (error) => {
          const cause = (tls === undefined ? undefined : tlsProblemOf(error, tls)) ?? error
          return cause instanceof OptionError
            ? new BindError({ reason: "InvalidOptions", address: describe(options, scheme), cause })
            : bindErrorFrom(cause, describe(options, scheme))
        }
      }),
      // this only stops accepting; connections stay open
      ({ close }) => close
    )
  }
})

/**
 * A listener on TCP, a unix socket or an inherited descriptor, with TLS if `tls` is given. It binds when it is served. That fails
 * with a `BindError` if it cannot listen, or an option is unknown or invalid.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: ListenOptions, tls?: TlsOptions | TlsSettings): Layer.Layer<Listener> =>
  Layer.sync(
    Listener,
    () => make(options, tls === undefined || tls instanceof TlsSettings ? tls : new TlsSettings(tls))
  )

// errors of the system have a call that has failed
const tlsProblemOf = (error: unknown, { options }: TlsSettings): OptionError | undefined =>
  error instanceof OptionError || Predicate.hasProperty(error, "syscall") ? undefined : tlsProblem(options)

const open = async (
  options: IntakeOptions,
  acceptor: Acceptor
): Promise<BoundListener & { readonly close: Effect.Effect<void> }> => {
  const { listen, tls } = options
  validate(listen, tls?.options)
  const intake = new Intake(acceptor, options)
  const { pending, server } = intake
  let remove: () => void
  try {
    remove = await startListening(server, listen)
  } catch (error) {
    intake.close()
    throw error
  }
  keepReadMemory()
  const address = addressOf(server, listen)
  intake.begin(address)
  return {
    address,
    scheme: tls === undefined ? "http" : "https",
    ...(pending === undefined ? {} : { pending }),
    // other processes may share an inherited descriptor and its queue
    close: Effect.sync(remove).pipe(
      Effect.zipRight(listen.fd === undefined ? acceptWaiting(server) : Effect.void),
      Effect.ensuring(Effect.sync(() => intake.close()))
    )
  }
}

// Begins to listen. Returns a function that removes the file of a unix socket when the server closes.
const startListening = async (server: Net.Server, options: ListenOptions): Promise<() => void> => {
  const { backlog = 511, fd, mode, path, socket } = options
  if (path !== undefined) return claim(path, mode, (path) => attempt(server, { path, backlog }))
  if (socket !== undefined) {
    await attempt(server, { fd: socket.take(), backlog: options.backlog ?? socket.backlog }).catch((error: unknown) => {
      socket.close()
      throw error
    })
    return () => socket.close()
  }
  if (fd !== undefined) {
    await attempt(server, { fd, backlog }).catch((error: unknown) => Promise.reject(asNotInherited(error)))
    return () => undefined
  }
  await attempt(
    server,
    {
      port: portOf(options),
      ...(options.host === "*" ? {} : { host: options.host ?? "127.0.0.1" }),
      backlog,
      ...(options.ipv6Only === undefined ? {} : { ipv6Only: options.ipv6Only }),
      ...(options.reusePort === undefined ? {} : { reusePort: options.reusePort })
    }
  )
  return () => undefined
}

// The system's words do not say what is wrong with a descriptor. Node says EINVAL of a file and of a datagram socket, too.
const asNotInherited = (error: unknown): unknown =>
  error instanceof Error && "code" in error && /^(?:EINVAL|EBADF|ENOTSOCK|EOPNOTSUPP)$/.test(String(error.code))
    ? Object.assign(new Error(`it is no stream socket that has been inherited and can listen (${error.message})`), {
      code: error.code
    })
    : error

const attempt = (
  server: Net.Server,
  options: Net.ListenOptions | { readonly fd: number; readonly backlog: number }
): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once("error", reject)
    server.listen(options, () => {
      server.off("error", reject)
      resolve()
    })
  })

const addressOf = (server: Net.Server, options: ListenOptions): Address => {
  if (options.socket !== undefined) return options.socket.address
  const address = server.address()
  if (address === null || typeof address === "string") {
    return {
      _tag: "Unix",
      path: options.path ?? (options.fd === undefined ? undefined : pathOf(options.fd)) ?? address ?? ""
    }
  }
  return { _tag: "Tcp", host: address.address, port: address.port }
}
