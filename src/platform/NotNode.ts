/**
 * The error for the use of something that only `NodeHttpServer` has.
 *
 * @since 0.2.0
 */
import { IncomingMessage } from "node:http"
import type { Exchange } from "../exchange/Exchange.js"

/**
 * The program has used something that only `NodeHttpServer` has.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotNode extends Error {
  override readonly name = "NotNode"
}

/** The own properties of an IncomingMessage. */
const own = new Set([
  "httpVersion",
  "httpVersionMajor",
  "httpVersionMinor",
  "complete",
  "rawHeaders",
  "rawTrailers",
  "joinDuplicateHeaders",
  "aborted",
  "upgrade",
  "url",
  "method",
  "statusCode",
  "statusMessage",
  "client",
  "socket"
])

/**
 * Guards an exchange that is typed as an IncomingMessage. Properties that only an IncomingMessage has throw {@link NotNode}.
 *
 * @since 0.2.0
 * @category constants
 */
export const incomingMessageGuard: ProxyHandler<Exchange> = {
  get: (exchange, name) => {
    if (typeof name === "string" && name !== "constructor" && isOfMessages(name)) {
      throw new NotNode(
        `\`${name}\` is not available: this request is not an IncomingMessage of node:http. ` +
          "The HttpServerRequest has method, url, headers, remoteAddress and the body, TsgiHttpServer rawHeaders and tls"
      )
    }
    const value: unknown = Reflect.get(exchange, name, exchange)
    return value
  }
}

const isOfMessages = (name: string): boolean =>
  own.has(name) || (name in IncomingMessage.prototype && !(name in Object.prototype))
