/**
 * The same app on two servers with the same requests. All observations are compared entry by entry. Both servers are layers that
 * are built in the same way, so scene.ts, which only serves on tsgi, is not used.
 */
import type * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import type * as Etag from "@effect/platform/Etag"
import type * as HttpPlatform from "@effect/platform/HttpPlatform"
import * as HttpServer from "@effect/platform/HttpServer"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as Scope from "effect/Scope"
import { createServer } from "node:http"
import { TsgiHttpServer } from "tsgi/effect"
import { turns } from "../utils/Journal.js"
import { connect } from "../utils/sockets.js"
import type { Observation } from "./answers.js"
import { type DecisionName, decisions } from "./decisions.js"
import type { Exchange, Peer } from "./exchanges.js"
import { type Mode, modes, Observer } from "./observing.js"

/** The services that an HttpServer layer gives to apps. */
export type Services =
  | HttpServer.HttpServer
  | HttpPlatform.HttpPlatform
  | Etag.Generator
  | NodeContext.NodeContext

/** An app and its exchanges. */
export interface Scene {
  readonly name: string
  /** Serves the app on the HttpServer in its context. */
  readonly app: Layer.Layer<never, unknown, Services>
  readonly exchanges: ReadonlyArray<Exchange>
  /** Options of tsgi beside the port. */
  readonly options?: TsgiHttpServer.Options | undefined
}

export interface Difference {
  readonly entry: string
  readonly node: string | undefined
  readonly tsgi: string | undefined
}

interface Served {
  readonly peer: Peer
  readonly observer: Observer
}

const serve = (
  app: Scene["app"],
  server: Layer.Layer<Services, unknown>,
  mode: Mode,
  hasLimit: boolean
): Effect.Effect<Served, unknown, Scope.Scope> =>
  Effect.gen(function*() {
    const observer = new Observer(mode)
    const watched = Layer.effect(
      HttpServer.HttpServer,
      Effect.map(HttpServer.HttpServer, (inner) => observer.watch(inner))
    )
    const scope = yield* Effect.scope
    const build = Layer.buildWithScope(Layer.provideMerge(app, Layer.provideMerge(watched, server)), scope).pipe(
      Effect.provide(Logger.replace(Logger.defaultLogger, observer.logger))
    )
    const context = yield* mode.traced ? Effect.withTracer(build, observer.tracer) : build
    const { address } = Context.get(context, HttpServer.HttpServer)
    if (address._tag === "UnixAddress") return yield* Effect.die("no port")
    const { port } = address
    return {
      observer,
      peer: {
        authority: `127.0.0.1:${port}`,
        connect: () => connect(port),
        concluded: () => observer.scopeClosed(),
        hasLimit
      }
    }
  })

const observe = async ({ observer, peer }: Served, exchange: Exchange, closes: boolean): Promise<Observation> => {
  const closed = observer.mode.looks && closes ? observer.scopeClosed() : undefined
  const answer = await exchange.talk(peer)
  await closed
  if (!closes) await turns(20)
  observer.noteNativeSpans()
  return { ...answer, ...observer.take() }
}

const differences = (node: Observation, tsgi: Observation): ReadonlyArray<Difference> =>
  [...new Set([...Object.keys(node), ...Object.keys(tsgi)])]
    .filter((entry) => node[entry] !== tsgi[entry])
    .map((entry) => ({ entry, node: node[entry], tsgi: tsgi[entry] }))

const everywhere = Object.keys(decisions).filter((name): name is DecisionName => isDecision(name)).filter((name) =>
  decisions[name].everywhere === true
)

function isDecision(name: string): name is DecisionName {
  return name in decisions
}

/** Decisions that explained a difference, in all scenes so far. */
export const used = new Set<DecisionName>()

const observesAll = modes[modes.length - 1]

/** All modes but the first, in which nothing is observed, and the last, in which everything is. */
const between = modes.slice(1, -1)

const thorough = process.env.MODES === "all"

/** The number of earlier scenes with an exchange: many scenes are the same app within something else, with the same exchanges. */
const scenesBefore = new Map<Exchange, number>()

/**
 * The modes in which an exchange is compared. An exchange in its first scene has the last mode, in which everything is observed.
 * If it has decisions it also has the first mode, in which nothing is observed, and so has half of the others. The modes between
 * are made of the same parts; each has an eighth of the exchanges. In each further scene an exchange has one mode, another one
 * each time, and the last one too if it has decisions or may stay unanswered. With MODES=all, all exchanges have all modes.
 */
const modesOf = (exchange: Exchange, i: number): ReadonlyArray<Mode> => {
  const before = scenesBefore.get(exchange) ?? 0
  scenesBefore.set(exchange, before + 1)
  if (thorough) return modes
  const decided = exchange.decisions.length > 0
  if (before > 0) return [modes[(i + before) % modes.length], ...decided || exchange.unanswered ? [observesAll] : []]
  return [
    ...decided || i % 2 === 0 ? [modes[0]] : [],
    ...i % 4 === 1 ? [between[(i >> 2) % between.length]] : [],
    observesAll
  ]
}

/**
 * Runs a scene: all exchanges in their modes, or one of each `of` in the last mode. Returns the differences that no decision
 * explains, and the decisions that explain nothing.
 */
export const run = async (scene: Scene, of = 1): Promise<ReadonlyArray<string>> => {
  const complaints: Array<string> = []
  const seenHere = new Map<Exchange, Set<DecisionName>>()
  const due = of === 1
    ? scene.exchanges.map((exchange, i) => ({ exchange, modes: modesOf(exchange, i) }))
    : scene.exchanges.filter((_, i) => i % of === 0).map((exchange) => ({ exchange, modes: [observesAll] }))
  for (const mode of modes) {
    // without a finalizer, it is unknown that no answer will arrive
    const exchanges = due.filter(({ exchange, modes }) => modes.includes(mode) && (mode.looks || !exchange.unanswered))
    if (exchanges.length === 0) continue
    await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
      const onNode = yield* serve(scene.app, NodeHttpServer.layer(createServer, { port: 0 }), mode, false)
      const layer = TsgiHttpServer.layer({ ...scene.options, port: 0, host: "::" })
      const onTsgi = yield* serve(scene.app, layer, mode, true)
      for (const { exchange } of exchanges) {
        const node = yield* Effect.promise(() =>
          observe(onNode, exchange, !exchange.decisions.includes("scopesAlwaysClose"))
        )
        const tsgi = yield* Effect.promise(() => observe(onTsgi, exchange, true))
        const explained = seenHere.get(exchange) ?? new Set<DecisionName>()
        seenHere.set(exchange, explained)
        for (const difference of differences(node, tsgi)) {
          const name = [...exchange.decisions, ...everywhere].find((given) =>
            decisions[given].covers(difference, { node, tsgi })
          )
          if (name === undefined) complaints.push(describe(exchange, mode, difference))
          else {
            explained.add(name)
            used.add(name)
          }
        }
      }
    })))
  }
  for (const [exchange, explained] of seenHere) {
    for (const name of exchange.decisions) {
      if (!explained.has(name)) complaints.push(`${exchange.title}: ${name} explains nothing`)
    }
  }
  return complaints
}

const describe = (exchange: Exchange, mode: Mode, { entry, node, tsgi }: Difference): string =>
  `${exchange.title}, ${mode.name}: ${entry}\n    node: ${shown(node)}\n    tsgi: ${shown(tsgi)}`

const shown = (value: string | undefined): string =>
  value === undefined ? "(none)" : value.length > 300 ? `${value.slice(0, 300)}… (${value.length})` : value
