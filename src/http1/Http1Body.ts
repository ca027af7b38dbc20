/**
 * A body of HTTP/1.
 *
 * @since 0.2.0
 */
import { ReceivedBody } from "../exchange/ReceivedBody.js"

/**
 * @since 0.2.0
 * @category models
 */
export class Http1Body extends ReceivedBody {
  /** Lets another body follow its end in the same request, for clients that know of that (`multiPhaseBody`). */
  reopen(): void {
    this.end = undefined
  }
}
