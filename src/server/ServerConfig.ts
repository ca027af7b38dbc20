/**
 * The configuration of the engine as a service, with defaults that a layer overrides.
 *
 * @module
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { type Config, defaults, make, type PartialConfig } from "./Config.js"

export * from "./Config.js"

/**
 * The service that has limits, timeouts and leniency: a reference, whose default is {@link defaults}.
 *
 * @since 0.1.0
 * @category tags
 */
export class ServerConfig extends Context.Reference<ServerConfig>()("tsgi/ServerConfig", {
  defaultValue: (): Config => defaults
}) {}

/**
 * The given settings, and the defaults of the others. Throws an `OptionError` for one that is unknown or invalid.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (partial: PartialConfig): Layer.Layer<never> => Layer.succeed(ServerConfig, make(partial))
