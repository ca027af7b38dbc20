/**
 * The default services of a server.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AccessLog, none } from "./AccessLog.js"
import * as Interim from "./InterimResponses.js"
import * as Hooks from "./Posthooks.js"
import * as Parser from "./RequestParser.js"
import { type Config, ServerConfig } from "./ServerConfig.js"

/**
 * The services that a server needs beside its listener.
 *
 * @since 0.1.0
 * @category models
 */
export type Services = Parser.RequestParser | Interim.InterimResponses | Hooks.Posthooks | AccessLog

/**
 * The default services, without an access log.
 *
 * @since 0.1.0
 * @category constructors
 */
export const services = (config: Config): Context.Context<Services> =>
  Context.make(Parser.RequestParser, Parser.make(config)).pipe(
    Context.add(Interim.InterimResponses, Interim.make()),
    Context.add(Hooks.Posthooks, Hooks.make()),
    Context.add(AccessLog, none)
  )

/**
 * {@link services}, with the {@link ServerConfig}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerServices: Layer.Layer<Services> = Layer.effectContext(Effect.map(ServerConfig, services))
