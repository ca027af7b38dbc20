/**
 * `tsgi serve`: binds, supervises workers, and stops when it is told to.
 *
 * @since 0.2.0
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { networkInterfaces } from "node:os"
import type { BoundSocket } from "../node/BoundSocket.js"
import { banner, foundBy, mayUseColor, reachable } from "./banner.js"
import { asCommandError } from "./BootError.js"
import { reloadable, unchangedWarning } from "./changedSettings.js"
import { claimControl } from "./claims.js"
import { CommandError } from "./CommandError.js"
import type { Controlled } from "./Control.js"
import type { Signal } from "./earlySignals.js"
import { isContainer, loopbackHint } from "./hints.js"
import { Journal } from "./Journal.js"
import * as Listening from "./Listening.js"
import { makePlan } from "./makePlan.js"
import type { Place } from "./messages.js"
import { monotonic } from "./monotonic.js"
import { obey } from "./obeySignals.js"
import { printError } from "./output.js"
import * as Pidfile from "./Pidfile.js"
import type { Plan, PlanError } from "./Plan.js"
import { defaultControl, type Settings } from "./Settings.js"
import { warnOf } from "./settingsWarnings.js"
import type { Spawner } from "./Spawner.js"
import { hasBeat, interfaceOf } from "./Status.js"
import * as StopOrder from "./StopOrder.js"
import * as Supervisor from "./Supervisor.js"
import * as Systemd from "./Systemd.js"
import { plural } from "./values.js"
import * as Watcher from "./Watcher.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface ServeOptions {
  /** The app as given. */
  readonly app: string
  readonly settings: Settings
  /** Reads the settings again, for a reload. */
  readonly reread: Effect.Effect<Settings, PlanError>
  readonly signals: Queue.Dequeue<Signal>
  readonly version: string
  /** Whether standard error is a terminal, which shows a banner. */
  readonly terminal: boolean
  /** Whether a closed terminal ends the server. */
  readonly dev: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

/**
 * Serves until it is told to stop, and returns the exit code.
 *
 * @since 0.2.0
 * @category constructors
 */
export const serve = (options: ServeOptions): Effect.Effect<number, CommandError, Spawner | Journal> =>
  Effect.gen(function*() {
    const order = yield* StopOrder.make
    // status and control close last, so that they answer while the workers end
    yield* Effect.scoped(Effect.flatMap(Effect.scope, (last) => Effect.scoped(run(options, order, last))))
    return order.code
  })

const run = (
  options: ServeOptions,
  order: StopOrder.StopOrder,
  last: Scope.Scope
): Effect.Effect<void, CommandError, Spawner | Journal | Scope.Scope> =>
  Effect.gen(function*() {
    const begun = yield* monotonic
    const { dev, settings, signals } = options
    const env = { ...process.env }
    const systemd = yield* Systemd.make(env)
    yield* warnOf(settings)
    const prepared = yield* prepare(options, env, last)
    const supervisor = yield* Supervisor.make(prepared.fresh, prepared.plan, systemd)
    const controlled = controlledBy(options, prepared, supervisor, order)
    const { reload, stopNow } = controlled
    // this is a daemon, so that it handles the second signal while the workers end
    yield* Effect.forkDaemon(
      Effect.forever(
        Effect.flatMap(Queue.take(signals), obey({ supervisor, order, reload, stopNow, dev }))
      )
    )
    yield* tellStart(options, prepared, env)
    const starting = yield* Effect.fork(
      Effect.mapError(supervisor.start, ({ error, slot }) => asCommandError(slot, error))
    )
    const access = yield* Scope.extend(openControl(settings, prepared, controlled), last)
    const serving = Effect.gen(function*() {
      yield* Fiber.join(starting)
      // the watch begins before the server is ready, so that no save is missed
      if (settings.watch !== undefined) yield* watch(settings, settings.watch, reload)
      yield* tellReady(options, controlled, access, env, Math.round((yield* monotonic) - begun))
      yield* systemd.ready
      yield* feedWatchdog(supervisor, systemd, settings)
      return yield* Effect.mapError(supervisor.lost, ({ message }) => new CommandError({ code: 6, message }))
    })
    yield* Effect.raceFirst(Effect.onInterrupt(serving, () => Fiber.interrupt(starting)), order.awaitStop)
    yield* leave(settings, supervisor, systemd, order)
  })

/** The sockets and the plan of a start. */
interface Prepared {
  /** The control socket; `undefined` if there is none. */
  readonly control: BoundSocket | undefined
  readonly listening: ReadonlyArray<Listening.Listening>
  readonly statusAt: Listening.StatusPlace | undefined
  readonly plan: Plan
  /** The plan of the settings as they are now. */
  readonly fresh: Effect.Effect<Plan, PlanError>
}

// Checks and binds everything that can fail before a worker starts.
const prepare = (
  { app, reread, settings, terminal }: ServeOptions,
  env: Environment,
  last: Scope.Scope
): Effect.Effect<Prepared, CommandError, Scope.Scope | Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const cannotListen = ({ message }: { readonly message: string }) => new CommandError({ code: 5, message })
    const control = settings.control === undefined
      ? undefined
      : yield* Scope.extend(claimControl(settings.control), last)
    if (settings.pidFile !== undefined) yield* Effect.mapError(Pidfile.make(settings.pidFile), cannotListen)
    const listening = yield* Effect.mapError(Listening.make(settings, env), cannotListen)
    const statusAt = yield* Effect.mapError(
      Scope.extend(Listening.makeStatus(settings, listening), last),
      cannotListen
    )
    const announce = !terminal || settings.logLevel === "debug"
    const others = settings.workers === 0 ? placesOf(control, statusAt) : []
    const planOf = (settings: Settings) => makePlan(app, settings, listening, env, { announce, others })
    const plan = yield* Effect.mapError(planOf(settings), ({ code, message }) => new CommandError({ code, message }))
    const fresh = Effect.gen(function*() {
      const read = yield* reread
      yield* reloadable(settings, read)
      const warning = unchangedWarning(settings, read)
      if (warning !== undefined) yield* journal.warn("settings", warning)
      return yield* planOf(read)
    })
    return { control, listening, statusAt, plan, fresh }
  })

const placesOf = (
  control: BoundSocket | undefined,
  statusAt: Listening.StatusPlace | undefined
): ReadonlyArray<Place> => [
  ...(control === undefined ? [] : [{ fd: control.fd }]),
  ...(statusAt === undefined ? [] : ["socket" in statusAt ? { fd: statusAt.socket.fd } : statusAt])
]

const controlledBy = (
  { app, settings, version }: ServeOptions,
  { listening }: Prepared,
  supervisor: Supervisor.Supervisor,
  order: StopOrder.StopOrder
): Controlled => ({
  supervisor,
  reload: supervisor.reload,
  identity: { version, name: settings.name, app, listening, backlog: settings.backlog },
  bootTimeout: settings.timeouts.boot,
  stop: Effect.asVoid(order.stop),
  stopNow: supervisor.leaving("stopping").pipe(Effect.zipRight(order.hurry), Effect.zipRight(supervisor.killAll))
})

const tellStart = (
  { app, settings }: ServeOptions,
  { listening, plan }: Prepared,
  env: Environment
): Effect.Effect<void, never, Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const hint = loopbackHint(listening, isContainer(env))
    if (hint !== undefined) yield* journal.warn("loopback", hint)
    const addresses = listening.map(({ address }) => address)
    const who = plan.here ? "in this process" : plural(plan.workers, "worker")
    const kind = settings.app.interface
    yield* journal.info(
      "start",
      `listening on ${addresses.join(", ")}, ${who}, ${app}${kind === "auto" ? "" : ` (${kind})`}`,
      { addresses, workers: plan.workers }
    )
  })

interface StatusAccess {
  readonly hasControl: boolean
  /** The address of the status; `undefined` for none. */
  readonly statusAt: string | undefined
}

// Control.js is loaded here, while the workers load the app.
const openControl = (
  { control: path }: Settings,
  { control, statusAt }: Prepared,
  controlled: Controlled
): Effect.Effect<StatusAccess, CommandError, Scope.Scope | Journal> =>
  Effect.gen(function*() {
    const Control = yield* Effect.promise(() => import("./Control.js"))
    return {
      hasControl: path !== undefined && control !== undefined &&
        (yield* Control.serveSocket(path, control, controlled)),
      statusAt: statusAt === undefined ? undefined : yield* Effect.mapError(
        Control.serveTcp(statusAt, controlled),
        ({ message }) => new CommandError({ code: 5, message: `--status: ${message}` })
      )
    }
  })

const tellReady = (
  { app, dev, settings, terminal, version }: ServeOptions,
  { identity, supervisor: { facts } }: Controlled,
  { hasControl, statusAt }: StatusAccess,
  env: Environment,
  took: number
): Effect.Effect<void, never, Journal> =>
  Effect.gen(function*() {
    const { control, name } = settings
    const journal = yield* Journal
    const kind = interfaceOf(facts)
    const where = `${hasControl ? `, control at ${control}` : ""}${
      statusAt === undefined ? "" : `, status at ${statusAt}`
    }`
    yield* journal.info("serving", `ready in ${took} ms${where}`, { ms: took, interface: kind })
    if (!terminal) return
    const text = banner({
      version,
      app: kind === null ? app : `${app} (${kind})`,
      addresses: identity.listening.flatMap(({ address }) => reachable(address, networkInterfaces())),
      took,
      workers: facts.slots.length,
      here: facts.plan.here,
      pid: process.pid,
      dev,
      hasControl,
      statusAt: statusAt === undefined ? undefined : reachable(statusAt, {})[0]?.[1],
      found: foundBy(control, name, defaultControl(name, env))
    }, mayUseColor(env))
    yield* printError(text)
  })

const watch = (
  { envFiles }: Settings,
  { ignore, paths }: NonNullable<Settings["watch"]>,
  reload: Effect.Effect<unknown>
): Effect.Effect<void, never, Journal | Scope.Scope> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    const changes = yield* Watcher.make(paths, ignore, envFiles)
    yield* Effect.forkScoped(
      Stream.runForEach(changes, (path) => Effect.zipRight(journal.info("change", `${path} has changed`), reload))
    )
  })

// Notifies systemd's watchdog while a worker beats.
const feedWatchdog = (
  { facts }: Supervisor.Supervisor,
  { interval, watchdog }: Systemd.Systemd,
  { timeouts }: Settings
): Effect.Effect<void, never, Scope.Scope> => {
  if (interval === undefined) return Effect.void
  const feed = Effect.flatMap(monotonic, (now) => hasBeat(facts, timeouts.boot, now) ? watchdog : Effect.void)
  return Effect.asVoid(Effect.forkScoped(Effect.repeat(feed, Schedule.spaced(interval))))
}

// Load balancers send clients elsewhere during --unready. The workers end when the Scope closes.
const leave = (
  { unready }: Settings,
  supervisor: Supervisor.Supervisor,
  systemd: Systemd.Systemd,
  order: StopOrder.StopOrder
): Effect.Effect<void, never, Journal> =>
  Effect.gen(function*() {
    const journal = yield* Journal
    yield* supervisor.leaving("unready")
    yield* systemd.stopping
    if (unready > 0) {
      yield* journal.info("unready", "no longer ready, still serving until the stop", { ms: unready })
      yield* Effect.race(Effect.sleep(unready), order.awaitHurry)
    }
    yield* supervisor.leaving("stopping")
    yield* journal.info("stop", "stopping")
  })
