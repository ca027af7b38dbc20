/**
 * A strict reader of Prometheus' text format (version 0.0.4, prometheus.io/docs/instrumenting/exposition_formats): it throws for
 * everything that `promtool check metrics` or a scrape would refuse.
 */

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string | undefined
  readonly samples: ReadonlyArray<Sample>
}

const metric = "[a-zA-Z_:][a-zA-Z0-9_:]*"

/** The families of a text. Throws for errors, and for names that break the conventions. */
export const parse = (text: string): ReadonlyMap<string, Family> => {
  const families = read(text)
  for (const family of families.values()) checkNames(family)
  return families
}

/** The families of a text whose names may be any that the format allows. */
export const read = (text: string): ReadonlyMap<string, Family> => {
  if (!text.endsWith("\n")) throw new Error("the last line does not end")
  const families = new Map<string, Family & { samples: Array<Sample> }>()
  const seen = new Set<string>()
  const helps = new Map<string, string>()
  let current: (Family & { samples: Array<Sample> }) | undefined
  for (const line of text.slice(0, -1).split("\n")) {
    const fail = (why: string): Error => new Error(`${why}: ${line}`)
    const help = new RegExp(`^# HELP (${metric}) (.*)$`).exec(line)
    if (help !== null) {
      const [, name, told] = help
      if (told.replaceAll(/\\[\\n]/g, "").includes("\\")) throw fail("an escape that there is not")
      if (helps.has(name) || families.has(name)) throw fail("HELP again, or behind TYPE")
      helps.set(name, told)
      continue
    }
    const type = new RegExp(`^# TYPE (${metric}) (counter|gauge|histogram|summary|untyped)$`).exec(line)
    if (type !== null) {
      const [, name, kind] = type
      if (families.has(name)) throw fail("TYPE again")
      current = { name, type: kind, help: helps.get(name), samples: [] }
      families.set(name, current)
      continue
    }
    const sample = new RegExp(`^(${metric})(?:\\{(.*)\\})? (-?(?:[0-9].*)|[+-]Inf|NaN)$`).exec(line)
    if (sample === null) throw fail("no line of the format")
    const [, name, labels = "", given] = sample
    const value = given === "+Inf" ? Infinity : given === "-Inf" ? -Infinity : Number(given)
    if (Number.isNaN(value) && given !== "NaN") throw fail("no number")
    const one = { name, labels: labelsIn(labels, fail), value }
    if (current === undefined || !isOf(current, one)) throw fail("not of the family before it")
    const key = JSON.stringify([name, Object.entries(one.labels).sort()])
    if (seen.has(key)) throw fail("the same series again")
    seen.add(key)
    if (current.type === "counter" && !(value >= 0)) throw fail("a counter below 0")
    current.samples.push(one)
  }
  for (const [name] of helps) if (!families.has(name)) throw new Error(`HELP without TYPE: ${name}`)
  const names = new Set<string>()
  for (const family of families.values()) {
    for (const name of new Set([family.name, ...family.samples.map(({ name }) => name)])) {
      if (names.has(name)) throw new Error(`two families have ${name}`)
      names.add(name)
    }
    if (family.type === "histogram") checkHistogram(family)
  }
  return families
}

/** The value of a counter, added up over all its labels. */
export const totalOf = (families: ReadonlyMap<string, Family>, name: string): number =>
  (families.get(name)?.samples ?? []).reduce((sum, { value }) => sum + value, 0)

/** All values that must never fall, by name and labels. */
export const counts = (families: ReadonlyMap<string, Family>): ReadonlyMap<string, number> =>
  new Map(
    [...families.values()].filter(({ type }) => type !== "gauge").flatMap(({ samples }) => samples)
      .filter(({ labels }) => labels.quantile === undefined)
      .map(({ labels, name, value }) => [JSON.stringify([name, Object.entries(labels).sort()]), value])
  )

// promtool exits with 3 for these: https://prometheus.io/docs/practices/naming/
const checkNames = ({ help = "", name, samples, type }: Family): void => {
  const wrong = (why: string): Error => new Error(`${name}: ${why}`)
  if (help.trim() === "") throw wrong("no help text")
  if ((type === "counter") !== name.endsWith("_total")) throw wrong(`a ${type} of that name`)
  if (type !== "histogram" && type !== "summary" && /_(?:count|sum|bucket)$/.test(name)) {
    throw wrong(`a ${type} with that suffix`)
  }
  for (const { labels } of samples) {
    if ("quantile" in labels && type !== "summary") throw wrong(`a ${type} with quantiles`)
    if ("le" in labels && type !== "histogram") throw wrong(`a ${type} with buckets`)
  }
}

const labelsIn = (text: string, fail: (why: string) => Error): Readonly<Record<string, string>> => {
  const labels: Record<string, string> = {}
  let rest = text
  while (rest !== "") {
    const match = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\[\\n"])*)"(?:,|$)/.exec(rest)
    if (match === null) throw fail("no labels")
    const [whole, name, value] = match
    if (name in labels || name.startsWith("__")) throw fail(`label ${name} again, or reserved`)
    labels[name] = value.replaceAll(/\\([\\n"])/g, (_, letter: string) => letter === "n" ? "\n" : letter)
    rest = rest.slice(whole.length)
  }
  return labels
}

const suffixes: Readonly<Record<string, ReadonlyArray<string>>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"]
}

const isOf = ({ name, type }: Family, sample: Sample): boolean =>
  (suffixes[type] ?? [""]).some((suffix) => sample.name === name + suffix) &&
  (sample.name.endsWith("_bucket") && type === "histogram") === ("le" in sample.labels && type === "histogram")

const checkHistogram = ({ name, samples }: Family): void => {
  const buckets = new Map<string, Array<readonly [bound: number, count: number]>>()
  for (const { labels: { le, ...labels }, name: own, value } of samples) {
    if (!own.endsWith("_bucket")) continue
    const key = JSON.stringify(Object.entries(labels).sort())
    const before = buckets.get(key) ?? []
    buckets.set(key, [...before, [le === "+Inf" ? Infinity : Number(le), value]])
  }
  for (const [key, each] of buckets) {
    if (each.at(-1)?.[0] !== Infinity) throw new Error(`${name}${key}: the last bucket has no +Inf`)
    for (const [i, [bound, count]] of each.entries()) {
      const [least, lower] = each[i - 1] ?? [-Infinity, 0]
      if (bound <= least || count < lower) throw new Error(`${name}${key}: buckets fall`)
    }
    const whole = samples.find(({ labels, name: own }) =>
      own === `${name}_count` && JSON.stringify(Object.entries(labels).sort()) === key
    )
    if (whole?.value !== each.at(-1)?.[1]) throw new Error(`${name}${key}: _count is not the last bucket`)
  }
}
