/**
 * What only `NodeHttpServer` has, and what is said to those who ask for it.
 *
 * @since 0.2.0
 */
import { IncomingMessage } from "node:http"
import type { Exchange } from "../exchange/Exchange.js"

/**
 * Something was asked for that only `NodeHttpServer` has.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotNode extends Error {
  override readonly name = "NotNode"
}

/** What an IncomingMessage has of its own, beside what is inherited. */
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
 * Lets an exchange be taken for an IncomingMessage by its type alone: what that would have is told to be missing.
 *
 * @since 0.2.0
 * @category constants
 */
export const honest: ProxyHandler<Exchange> = {
  get: (exchange, name) => {
    if (typeof name === "string" && name !== "constructor" && isOfMessages(name)) {
      throw new NotNode(
        `there is no node:http IncomingMessage, and so no \`${name}\` of one: ` +
          "the HttpServerRequest has method, url, headers, remoteAddress and the body, TsgiHttpServer rawHeaders and tls"
      )
    }
    const value: unknown = Reflect.get(exchange, name, exchange)
    return value
  }
}

const isOfMessages = (name: string): boolean =>
  own.has(name) || (name in IncomingMessage.prototype && !(name in Object.prototype))
