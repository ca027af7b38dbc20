/**
 * The name of a request in the log.
 *
 * @since 0.2.0
 */
import type { RequestHead } from "../protocol/requestHead.js"
import type { Forwarded } from "./Forwarding.js"

/**
 * A request in a line of the log: `GET /path`, and before it the client for which a trusted proxy speaks. The query is left out,
 * because it may be secret, and long names are shortened.
 *
 * @since 0.2.0
 * @category conversions
 */
export const requestName = (
  { forwarded, request }: { readonly forwarded: Forwarded | undefined; readonly request: RequestHead }
): string => {
  const client = forwarded?.clientForwarded === true && forwarded.client._tag === "Tcp"
    ? `for ${forwarded.client.host}, `
    : ""
  return `${client}${shortened(request.method)} ${shortened(/^[^?#]*/.exec(request.target)?.[0] ?? "")}`
}

const shortened = (text: string): string => text.length <= longest ? text : `${text.slice(0, longest)}…`
const longest = 256
