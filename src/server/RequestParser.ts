/**
 * The service that creates a reader of requests for each connection.
 *
 * @module
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Reader } from "../http1/Reader.js"
import { RequestReader } from "../protocol/h1/requestReader.js"
import { type Config, ServerConfig } from "./ServerConfig.js"
import { usual } from "./usualParser.js"

export type { Reader } from "../http1/Reader.js"

/**
 * The service that creates readers. A reader takes bytes and returns messages.
 *
 * @since 0.1.0
 * @category tags
 */
export class RequestParser extends Context.Tag("tsgi/RequestParser")<RequestParser, {
  /** Creates the reader of a connection. */
  readonly make: () => Reader
}>() {}

/**
 * The service whose readers have the limits and the leniency of a configuration.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (config: Config): Context.Tag.Service<RequestParser> =>
  usual({ make: () => new RequestReader(config.limits, config.parser) })

/**
 * {@link make}, with the {@link ServerConfig}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<RequestParser> = Layer.effect(RequestParser, Effect.map(ServerConfig, make))
