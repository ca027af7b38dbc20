/**
 * `tsgi serve`: binds, supervises, until it is told to stop.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import { banner, foundBy, mayPaint } from "./banner.js"
import { whoHas } from "./client.js"
import { bootExitCode, CommandError } from "./CommandError.js"
import type { Controlled } from "./Control.js"
import type { Signal } from "./earlySignals.js"
import { isContainer, loopbackHint } from "./hints.js"
import { Journal } from "./Journal.js"
import * as Listening from "./Listening.js"
import { makePlan } from "./makePlan.js"
import { printError } from "./output.js"
import * as Pidfile from "./Pidfile.js"
import { type PlanError, wrong } from "./Plan.js"
import { defaultControl, type Settings } from "./Settings.js"
import { terminalIsClosed } from "./Signals.js"
import { failedWords } from "./Slots.js"
import { unknownVariables } from "./sources.js"
import type { Spawner } from "./Spawner.js"
import { isLeaving, isLive } from "./Status.js"
import * as Supervisor from "./Supervisor.js"
import * as Systemd from "./Systemd.js"
import { plural } from "./values.js"
import * as Watcher from "./Watcher.js"
import { monotonic } from "./WorkerProcess.js"

/**
 * @since 0.2.0
 * @category models
 */
export interface ServeOptions {
  /** As it was given. */
  readonly app: string
  readonly settings: Settings
  /** As they are at a reload. */
  readonly reread: Effect.Effect<Settings, PlanError>
  readonly signals: Queue.Dequeue<Signal>
  readonly version: string
  /** A closed terminal ends it. */
  readonly dev: boolean
}

/**
 * Serves until it is told to stop; gives the exit code.
 *
 * @since 0.2.0
 * @category constructors
 */
export const serve = (options: ServeOptions): Effect.Effect<number, CommandError, Spawner | Journal> =>
  Effect.gen(function*() {
    const order = new Order(yield* Deferred.make<void>(), yield* Deferred.make<void>())
    yield* Effect.scoped(run(options, order))
    return order.code
  })

/** What signals and verbs have asked for. */
class Order {
  code = 0

  constructor(readonly stop: Deferred.Deferred<void>, readonly hurry: Deferred.Deferred<void>) {}
}

const run = (
  { app, dev, reread, settings, signals, version }: ServeOptions,
  order: Order
): Effect.Effect<void, CommandError, Spawner | Journal | Scope.Scope> =>
  Effect.gen(function*() {
    const begun = yield* monotonic
    const journal = yield* Journal
    const env = { ...process.env }
    const systemd = yield* Systemd.make(env)
    const absent = (settings.watch?.paths ?? []).filter((path) => !Fs.existsSync(path))
      .map((path) => `--watch-path ${path} is not there: it is watched once it is`)
    for (const line of [...unknownVariables(env), ...settings.unused, ...absent]) yield* journal.warn("settings", line)
    yield* alone(settings)
    const listening = yield* Effect.mapError(
      Listening.make(settings, env),
      ({ message }) => new CommandError({ code: 5, message })
    )
    const planOf = (settings: Settings) => makePlan(app, settings, listening, env)
    const plan = yield* Effect.mapError(planOf(settings), ({ code, message }) => new CommandError({ code, message }))
    const unlessRestart = (read: Settings) =>
      !sameAddresses(settings, read)
        ? Effect.fail(wrong("restart to change where it listens"))
        : !sameKind(settings, read)
        ? Effect.fail(wrong("changing --workers from or to 0 needs a restart"))
        : Effect.zipRight(warnOfRestart(settings, read, journal), planOf(read))
    const fresh = Effect.flatMap(reread, unlessRestart)
    const supervisor = yield* Supervisor.make(fresh, plan)
    const reload = Effect.suspend(() =>
      isLeaving(supervisor.facts)
        ? supervisor.reload
        : systemd.reloading.pipe(
          Effect.zipRight(supervisor.reload),
          Effect.zipLeft(Effect.suspend(() => isLeaving(supervisor.facts) ? Effect.void : systemd.ready))
        )
    )

    const stopNow = supervisor.leaving("stopping").pipe(
      Effect.zipRight(Deferred.succeed(order.hurry, undefined)),
      Effect.zipRight(Deferred.succeed(order.stop, undefined)),
      Effect.zipRight(supervisor.killAll)
    )
    const controlled: Controlled = {
      supervisor,
      reload,
      identity: { version, name: settings.name, app, listening, backlog: settings.backlog },
      bootTimeout: settings.patience.bootTimeout,
      stop: Effect.asVoid(Deferred.succeed(order.stop, undefined)),
      stopNow
    }
    // it hears the second signal while the workers end
    const obeying = obey({ supervisor, order, reload, stopNow, dev, journal })
    yield* Effect.forkDaemon(Effect.forever(Effect.flatMap(Queue.take(signals), obeying)))

    const addresses = listening.map(({ address }) => address)
    const hint = loopbackHint(listening, isContainer(env))
    if (hint !== undefined) yield* journal.warn("loopback", hint)
    const who = plan.here ? "in this process" : plural(plan.workers, "worker")
    yield* journal.info("start", `listening on ${addresses.join(", ")}, ${who}, ${app}`, {
      addresses,
      workers: plan.workers
    })
    const start = Effect.mapError(supervisor.start, ({ error, slot }) =>
      new CommandError({
        code: bootExitCode(error.reason),
        message: failedWords(slot, error),
        details: error.details
      }))
    const starting = yield* Effect.fork(start)
    // half of what the command loads, while workers load the app
    const Control = yield* Effect.promise(() => import("./Control.js"))
    const hasControl = settings.control !== undefined && (yield* Control.serveSocket(settings.control, controlled))
    const statusAt = settings.status === undefined
      ? undefined
      : yield* Effect.mapError(
        Control.serveTcp(settings.status, controlled),
        ({ message }) => new CommandError({ code: 5, message: `--status: ${message}` })
      )
    const serving = Effect.gen(function*() {
      yield* Fiber.join(starting)
      // before it is ready, so that no save is missed
      if (settings.watch !== undefined) yield* watch(settings, settings.watch, reload)
      const took = Math.round((yield* monotonic) - begun)
      yield* journal.info(
        "serving",
        `ready in ${took} ms${hasControl ? `, control at ${settings.control}` : ""}${
          statusAt === undefined ? "" : `, status at ${statusAt}`
        }`,
        { ms: took }
      )
      if (process.stderr.isTTY && settings.log === "text") {
        const told = {
          ...controlled.identity,
          addresses,
          took,
          workers: supervisor.facts.slots.length,
          here: plan.here,
          pid: process.pid,
          dev,
          hasControl,
          statusAt,
          found: foundBy(settings.control, settings.name, defaultControl(settings.name, env))
        }
        yield* printError(banner(told, mayPaint(env)))
      }
      yield* systemd.ready
      if (systemd.interval !== undefined) {
        yield* Effect.forkScoped(feed(supervisor, systemd, settings, systemd.interval))
      }
      return yield* Effect.mapError(supervisor.lost, ({ message }) => new CommandError({ code: 6, message }))
    })
    yield* Effect.raceFirst(
      Effect.onInterrupt(serving, () => Fiber.interrupt(starting)),
      Deferred.await(order.stop)
    )

    yield* supervisor.leaving("unready")
    yield* systemd.stopping
    if (settings.unready > 0) {
      yield* journal.info("unready", "no longer ready, still serving until the stop", { ms: settings.unready })
      yield* Effect.race(Effect.sleep(settings.unready), Deferred.await(order.hurry))
    }
    yield* supervisor.leaving("stopping")
    yield* journal.info("stop", "stopping")
  })

// Refuses to start beside a server of the same name or pid file.
const alone = (settings: Settings): Effect.Effect<void, CommandError, Scope.Scope> =>
  Effect.gen(function*() {
    const { control, pidFile } = settings
    const other = control === undefined ? undefined : yield* whoHas(control)
    if (other !== undefined) {
      return yield* new CommandError({
        code: 5,
        message: `already running, pid ${other}, with the control socket ${control}: give this one another --name`
      })
    }
    if (pidFile === undefined) return
    yield* Effect.mapError(Pidfile.make(pidFile), ({ message }) => new CommandError({ code: 5, message }))
  })

interface Obeying {
  readonly supervisor: Supervisor.Supervisor
  readonly order: Order
  readonly reload: Effect.Effect<unknown>
  readonly stopNow: Effect.Effect<void>
  readonly dev: boolean
  readonly journal: Context.Tag.Service<Journal>
}

const obey = ({ dev, journal, order, reload, stopNow, supervisor }: Obeying) => (signal: Signal): Effect.Effect<void> =>
  Effect.gen(function*() {
    const { length } = supervisor.facts.slots
    const scale = (workers: number) =>
      Effect.catchAll(supervisor.scale(workers), ({ message }) => journal.warn("scale", message))
    switch (signal) {
      case "SIGTERM":
        yield* Deferred.succeed(order.stop, undefined)
        return
      case "SIGINT":
        if (yield* Deferred.succeed(order.stop, undefined)) return
        order.code = 130
        return yield* stopNow
      case "SIGQUIT":
        return yield* stopNow
      case "SIGHUP":
        yield* dev || terminalIsClosed() ? Deferred.succeed(order.stop, undefined) : Effect.forkDaemon(reload)
        return
      case "SIGTTIN":
        yield* scale(length + 1)
        return
      case "SIGTTOU":
        yield* scale(length - 1)
        return
      case "SIGUSR2":
        return yield* supervisor.reopen
    }
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

// While a worker beats.
const feed = (
  { facts }: Supervisor.Supervisor,
  systemd: Systemd.Systemd,
  { patience: { bootTimeout } }: Settings,
  interval: number
): Effect.Effect<void> =>
  Effect.flatMap(monotonic, (now) => isLive(facts, bootTimeout, now) ? systemd.watchdog : Effect.void).pipe(
    Effect.repeat(Schedule.spaced(interval)),
    Effect.asVoid
  )

const sameAddresses = (one: Settings, other: Settings): boolean =>
  JSON.stringify([one.listen, one.backlog]) === JSON.stringify([other.listen, other.backlog])

const sameKind = (one: Settings, other: Settings): boolean => (one.workers === 0) === (other.workers === 0)

const untilRestart = [
  "name",
  "control",
  "status",
  "pidFile",
  "unready",
  "watch",
  "log",
  "logLevel",
  "bindRetry"
] as const

// What was read at the start only: a reload is done all the same.
const warnOfRestart = (
  started: Settings,
  read: Settings,
  journal: Context.Tag.Service<Journal>
): Effect.Effect<void> => {
  const changed = untilRestart.filter((key) => JSON.stringify(started[key]) !== JSON.stringify(read[key]))
  return changed.length === 0
    ? Effect.void
    : journal.warn("settings", `restart to change ${changed.join(", ")}: a reload does not`)
}
