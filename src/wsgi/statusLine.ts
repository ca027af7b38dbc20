/**
 * The status that an application gives to `startResponse`.
 *
 * @since 0.2.0
 */
import { ResponseError } from "../exchange/ServerError.js"
import { reasonOf } from "../protocol/reasonPhrase.js"
import { kindOf } from "../server/OptionNames.js"

/**
 * A status and its reason phrase.
 *
 * @since 0.2.0
 * @category models
 */
export interface Status {
  readonly code: number
  readonly reason: string
}

/**
 * Reads `"200 OK"`, or only a code, which gets its registered reason. Throws a `ResponseError` for anything else.
 *
 * @since 0.2.0
 * @category conversions
 */
export const statusOf = (text: unknown): Status => {
  if (typeof text !== "string") throw invalid(text)
  const known = knownStatuses.get(text)
  if (known !== undefined) return known
  const parsed = /^([0-9]{3})(?: (.*))?$/s.exec(text)
  if (parsed === null) throw invalid(text)
  const code = Number(parsed[1])
  const status = { code, reason: parsed[2] ?? reasonOf(code) }
  if (knownStatuses.size < mostKnownStatuses && text.length <= 64) knownStatuses.set(text, status)
  return status
}

const invalid = (given: unknown): ResponseError =>
  new ResponseError({
    reason: "InvalidStatus",
    description: `${
      typeof given === "string" ? JSON.stringify(given) : kindOf(given)
    } is not a status; use a code and a reason, such as "200 OK"`
  })

// Applications use few statuses. The map is bounded, because an application may make one from a client's data.
const knownStatuses = new Map<string, Status>()
const mostKnownStatuses = 128
