/**
 * Checks what must hold for any bytes, and throws if it does not.
 */
import { isDeepStrictEqual } from "node:util"
import { cutAt } from "../utils/splits.js"
import { readAll, type Reading, type Rules } from "./reading.js"
import { hosted, referenceRead } from "./reference.js"

const must = (condition: boolean, what: string, details: unknown): void => {
  if (!condition) throw new Error(`${what}: ${JSON.stringify(details, null, 1)}`)
}

/**
 * Checks that reading never throws, ends, has bounded memory (all in `readAll`), and gives the same result however the bytes are
 * cut.
 */
export const checkCuts = (bytes: Uint8Array, cuts: ReadonlyArray<number>, rules: Rules = {}): Reading => {
  const whole = readAll([bytes], rules)
  const chunks = cutAt(bytes, cuts)
  for (const takeLate of [false, true]) {
    const parts = readAll(chunks, rules, takeLate)
    must(isDeepStrictEqual(parts, whole), `cut at ${cuts.join(", ")}`, { parts, whole })
  }
  return whole
}

/** Checks that by the strict rules the reader reads what the reference reads, and refuses what that refuses. */
export const checkMeaning = (bytes: Uint8Array, reading: Reading): void => {
  const reference = referenceRead(Buffer.from(bytes).toString("latin1"))
  const finished = reading.requests.filter((request) => request.finished)
  const differ = { reading, reference }
  must(finished.length === reference.requests.length, "another number of requests", differ)
  reference.requests.forEach((wanted, at) => {
    const { body, fields, line } = finished[at]
    must(
      isDeepStrictEqual({ line, fields, body }, { ...pick(wanted), fields: hosted(line, wanted.fields) }),
      "another request",
      differ
    )
    checkTrailers(finished[at].trailers, wanted.trailers)
  })
  if (reference.end === "idle") must(reading.end === "idle", "refused, but valid", differ)
  if (reference.end === "refused") must(typeof reading.end === "object", "accepted, but invalid", differ)
  if (reference.end === "undecided") must(reading.end !== "idle", "accepted, but incomplete", differ)
}

const pick = ({ body, fields, line }: Pick<Reading["requests"][number], "body" | "fields" | "line">) => ({
  line,
  fields,
  body
})

// Fields that frame, route or authenticate are gone, extensions are there, and the order is kept.
const checkTrailers = (kept: ReadonlyArray<string>, all: ReadonlyArray<string>): void => {
  const pairs = (list: ReadonlyArray<string>) =>
    Array.from({ length: list.length / 2 }, (_, at) => [list[2 * at], list[2 * at + 1]] as const)
  const left = [...pairs(kept)]
  for (const [name, value] of pairs(all)) {
    const stays = left.length > 0 && left[0][0] === name && left[0][1] === value
    if (stays) left.shift()
    must(stays || !/^x-/i.test(name), "an allowed trailer was dropped", { kept, all })
    must(!stays || !/^(?:content-length|transfer-encoding|host|authorization)$/i.test(name), "forbidden trailer", name)
  }
  must(left.length === 0, "trailers that nobody sent", { kept, all })
}
