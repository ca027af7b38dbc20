/**
 * What libraries that take connections over expect of a request: node:http's, filled in by hand.
 *
 * @since 0.1.0
 */
import { IncomingMessage } from "node:http"
import { Socket } from "node:net"

/**
 * A request that was never read from its socket, because somebody else had read it.
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
