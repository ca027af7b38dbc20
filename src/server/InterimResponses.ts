/**
 * Interim responses: any 1xx but 101, before the final one (RFC 9110, 15.2).
 *
 * The service decides whether one may go out and what stands in it; the exchange counts and sends it.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { RequestHead } from "../protocol/requestHead.js"
import { type FieldCase, type FieldPairs, prepareInterim } from "../protocol/responseHead.js"
import { type Config, ServerConfig } from "./ServerConfig.js"
import { InterimError } from "./ServerError.js"

/**
 * @since 0.1.0
 * @category tags
 */
export class InterimResponses extends Context.Tag("tsgi/InterimResponses")<InterimResponses, {
  /** The head to send, as latin-1 text, or why there is none. */
  readonly prepare: (
    request: RequestHead,
    status: number,
    fields: FieldPairs,
    fieldCase: FieldCase
  ) => string | InterimError
}>() {}

/**
 * Interim responses as RFC 9110 has them, to clients that know them.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (config: Config): Context.Tag.Service<InterimResponses> => ({
  prepare: (request, status, fields, fieldCase) => {
    // RFC 9110, 15.2: a server must not send a 1xx to an HTTP/1.0 client
    if (request.minorVersion === 0 || config.maxMinorVersion === 0) {
      return new InterimError({ reason: "Unsupported", description: "HTTP/1.0 has no interim responses" })
    }
    const text = prepareInterim(status, fields, fieldCase)
    return typeof text === "string"
      ? text
      : new InterimError({ reason: "InvalidHeader", description: text.message })
  }
})

/**
 * {@link make}, with the {@link ServerConfig}.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<InterimResponses> = Layer.effect(InterimResponses, Effect.map(ServerConfig, make))
