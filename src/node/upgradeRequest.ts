/**
 * An `http.IncomingMessage` for libraries that take over connections.
 *
 * @since 0.1.0
 */
import { IncomingMessage } from "node:http"
import { Socket } from "node:net"

/**
 * Makes the message of a request that was already read. `headers` has lower-case names.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (method: string, url: string, headers: Readonly<Record<string, string>>): IncomingMessage => {
  const message = new IncomingMessage(new Socket())
  message.method = method
  message.url = url
  Object.assign(message.headers, headers)
  return message
}
