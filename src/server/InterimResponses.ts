/**
 * Interim responses: any 1xx but 101, before the final one (RFC 9110, 15.2).
 *
 * The service decides whether one is sent, and with which fields. The engine writes the bytes, and refuses what no client may be
 * sent.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { InterimError } from "../exchange/ServerError.js"
import type { FieldPairs } from "../protocol/heads.js"
import type { RequestHead } from "../protocol/requestHead.js"

/**
 * The service that decides whether an interim response is sent, and with which fields.
 *
 * @since 0.1.0
 * @category tags
 */
export class InterimResponses extends Context.Tag("tsgi/InterimResponses")<InterimResponses, {
  /**
   * Returns the fields to send with an interim response to this request, or the reason why it is not sent. Called once for each:
   * before it is sent, or when the fields of a 100 are set. Must not wait.
   */
  readonly prepare: (request: RequestHead, status: number, fields: FieldPairs) => FieldPairs | InterimError
}>() {}

/**
 * Interim responses as they are given.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Context.Tag.Service<InterimResponses> => ({ prepare: (_request, _status, fields) => fields })

/**
 * `make`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<InterimResponses> = Layer.sync(InterimResponses, make)
