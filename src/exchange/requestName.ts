/**
 * A request as a line of the log names it.
 *
 * @since 0.2.0
 */
import type { RequestHead } from "../protocol/requestHead.js"
import type { Forwarded } from "./Forwarding.js"

/**
 * A request, for a line about it: `GET /path`, behind whom its peer asks for where that can be believed. What is behind the
 * path may be secret, and all of it long.
 *
 * @since 0.2.0
 * @category conversions
 */
export const requestName = (
  { forwarded, request }: { readonly forwarded: Forwarded | undefined; readonly request: RequestHead }
): string => {
  const client = forwarded?.clientTold === true && forwarded.client._tag === "Tcp"
    ? `for ${forwarded.client.host}, `
    : ""
  return `${client}${shortened(request.method)} ${shortened(/^[^?#]*/.exec(request.target)?.[0] ?? "")}`
}

const shortened = (text: string): string => text.length <= longest ? text : `${text.slice(0, longest)}…`
const longest = 256
