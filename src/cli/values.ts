/**
 * Values of flags, variables and files: parsers of text, and the text of values in messages.
 *
 * @since 0.2.0
 */

/**
 * The value, or a description of what was expected.
 *
 * @since 0.2.0
 * @category models
 */
export type Read<A> = { readonly value: A } | { readonly expected: string }

const value = <A>(value: A): Read<A> => ({ value })
const expected = (expected: string): Read<never> => ({ expected })

/**
 * Reads a time into milliseconds: `250ms`, `10s`, `5m`, `2h`, `1d`; 0 needs no unit.
 *
 * @since 0.2.0
 * @category constructors
 */
export const duration = (given: unknown): Read<number> => {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$/.exec(String(given).trim()) ?? []
  if (amount !== undefined && unit in milliseconds) return value(Number(amount) * milliseconds[unit])
  if (/^0+$/.test(String(given))) return value(0)
  const bare = /^\d+(?:\.\d+)?$/.exec(String(given).trim())?.[0]
  return expected(
    bare === undefined ? "a time, such as 250ms, 10s, 5m or 2h" : `a time with its unit, such as ${bare}s or ${bare}ms`
  )
}

/**
 * Reads a time of at least `least` milliseconds.
 *
 * @since 0.2.0
 * @category constructors
 */
export const durationFrom = (least: number) => (given: unknown): Read<number> => {
  const read = duration(given)
  return "value" in read && read.value < least ? expected(`${describeTime(least)} or more`) : read
}

const milliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/**
 * Reads a size into bytes: `512KiB`, `2GiB`, `64kB`, `1000`.
 *
 * @since 0.2.0
 * @category constructors
 */
export const size = (given: unknown): Read<number> => {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(String(given).trim()) ?? []
  const factor = bytes[unit.toLowerCase()]
  return amount === undefined || factor === undefined
    ? expected("a size, such as 512KiB, 150MiB or 2GiB")
    : value(Math.round(Number(amount) * factor))
}

const bytes: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  k: 1024,
  m: 1024 ** 2,
  g: 1024 ** 3,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3
}

/**
 * Reads a whole number within bounds.
 *
 * @since 0.2.0
 * @category constructors
 */
export const count = (least: number, most = Number.MAX_SAFE_INTEGER) => (given: unknown): Read<number> => {
  const number = /^\d+$/.test(String(given).trim()) ? Number(given) : NaN
  return number >= least && number <= most ? value(number) : expected(
    most === Number.MAX_SAFE_INTEGER ? `a whole number, ${least} or more` : `a whole number from ${least} to ${most}`
  )
}

/**
 * The most workers of a server; a larger number is a mistake.
 *
 * @since 0.2.0
 * @category constants
 */
export const mostWorkers = 1024

/**
 * Reads a share: `10%` or 0.1.
 *
 * @since 0.2.0
 * @category constructors
 */
export const share = (given: unknown): Read<number> => {
  const [, amount, percent] = /^(\d+(?:\.\d+)?)(%?)$/.exec(String(given).trim()) ?? []
  const read = Number(amount) / (percent === "%" ? 100 : 1)
  return read >= 0 && read <= 1 ? value(read) : expected("a share from 0% to 100%")
}

/**
 * Reads the mode of a file, in octal digits.
 *
 * @since 0.2.0
 * @category constructors
 */
export const mode = (given: unknown): Read<number> =>
  /^(?:0o?)?[0-7]{3,4}$/.test(String(given))
    ? value(parseInt(String(given).replace("o", ""), 8))
    : expected("an octal mode, such as 0660")

/**
 * @since 0.2.0
 * @category constructors
 */
export const yesOrNo = (given: unknown): Read<boolean> =>
  given === true || given === "true" || given === "1" || given === "yes" || given === "on"
    ? value(true)
    : given === false || given === "false" || given === "0" || given === "no" || given === "off" || given === ""
    ? value(false)
    : expected("true or false")

/**
 * @since 0.2.0
 * @category constructors
 */
export const text = (given: unknown): Read<string> =>
  typeof given === "string" && given !== "" || typeof given === "number" ? value(String(given)) : expected("text")

/**
 * @since 0.2.0
 * @category constructors
 */
export const oneOf = <A extends string>(...known: ReadonlyArray<A>) => (given: unknown): Read<A> => {
  const found = known.find((name) => name === given)
  return found === undefined ? expected(`one of ${known.join(", ")}`) : value(found)
}

/**
 * Reads the value of an engine option. Sizes become bytes (`limits.body=10MiB`), times milliseconds (`timeouts.head=30s`), and
 * `true`, `false`, numbers and JSON become what they say.
 *
 * @since 0.2.0
 * @category constructors
 */
export const scalar = (given: string): unknown => {
  if (given === "true" || given === "false") return given === "true"
  if (given === "Infinity") return Infinity
  if (/^-?\d+(?:\.\d+)?$/.test(given)) return Number(given)
  for (const read of [duration(given), size(given)]) if ("value" in read) return read.value
  return /^[[{"]/.test(given) ? json(given) : given
}

const json = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/**
 * A span of time in words: `412 ms`, `1.6 s`, `46 min`, `5 h`, `3 days`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const describeTime = (ms: number): string => {
  const rounded = (amount: number): string => `${Math.round(amount)}`
  if (ms < 1000) return `${rounded(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1).replace(/\.0$/, "")} s`
  if (ms < 120_000) return `${rounded(ms / 1000)} s`
  if (ms < 7_200_000) return `${rounded(ms / 60_000)} min`
  if (ms < 172_800_000) return `${rounded(ms / 3_600_000)} h`
  return `${rounded(ms / 86_400_000)} days`
}

/**
 * Bytes in words: `531 MiB`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const describeSize = (bytes: number): string =>
  bytes < 1024 ** 2
    ? `${Math.round(bytes / 1024)} KiB`
    : bytes < 10 * 1024 ** 3
    ? `${Math.round(bytes / 1024 ** 2)} MiB`
    : `${(bytes / 1024 ** 3).toFixed(1)} GiB`

/**
 * A number with separators: `18,231`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const describeCount = (count: number): string => String(count).replace(/\B(?=(?:\d{3})+$)/g, ",")

/**
 * `1 worker`, `2 workers`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const plural = (count: number, noun: string): string =>
  `${describeCount(count)} ${noun}${count === 1 ? "" : "s"}`
