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
   * Returns the fields to send with an interim response to this request, or an error if it must not be sent. It is called once
   * for each interim response: before that is sent, or when the fields of a 100 are set. If a 100 is refused with its fields, it
   * is called once more without them. If that is refused too, the 100 stays owed, and the answer closes the connection, because
   * the client may or may not send the body. It must not wait.
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
 * The service that sends every interim response with its fields unchanged.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<InterimResponses> = Layer.sync(InterimResponses, make)
