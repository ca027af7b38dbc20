/**
 * Interim responses: any 1xx except 101, before the final response (RFC 9110, 15.2).
 *
 * The service decides whether an interim response is sent, and with which fields. The engine writes it, and refuses invalid ones.
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
   * Returns the fields to send with an interim response to this request, or the error for one that is not sent. Called once
   * for each interim response: before it is sent, or when the fields of a 100 are set. A 100 that is refused with its fields
   * is asked for once more without them. One that is refused stays owed: the answer closes the connection, because the client
   * may send the body or not. Must not wait.
   */
  readonly prepare: (request: RequestHead, status: number, fields: FieldPairs) => FieldPairs | InterimError
}>() {}

/**
 * Sends every interim response with its fields unchanged.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Context.Tag.Service<InterimResponses> => ({ prepare: (_request, _status, fields) => fields })

/**
 * Sends interim responses as they are given.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<InterimResponses> = Layer.sync(InterimResponses, make)
