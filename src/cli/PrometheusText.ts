/**
 * Metrics in the text format that Prometheus reads (version 0.0.4).
 *
 * @since 0.2.0
 */
import type { MetricSeries } from "../server/MetricSeries.js"

/**
 * The `Content-Type` of this text.
 *
 * @since 0.2.0
 * @category constants
 */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * The text of all series. Those with the same name stand together after their HELP and TYPE.
 *
 * Prometheus rejects the whole page for one invalid series. So names are written with allowed letters only. Of series whose names
 * become equal, or whose kinds differ, only the first is written.
 *
 * @since 0.2.0
 * @category conversions
 */
export const format = (all: ReadonlyArray<MetricSeries>): string => {
  const families = new Map<string, Array<MetricSeries>>()
  for (const series of all) {
    const name = nameOf(series.name)
    const family = families.get(name)
    if (family === undefined) families.set(name, [series])
    else if (family[0].state._tag === series.state._tag) family.push(series)
  }
  // a histogram `a` has lines named `a_count`, which may be the name of another metric
  const taken = new Set<string>()
  return [...families].flatMap(([name, family]) => {
    const [{ state: { _tag } }] = family
    const names = [name, ...suffixes[_tag].map((suffix) => name + suffix)]
    if (names.some((name) => taken.has(name))) return []
    for (const name of names) taken.add(name)
    const description = family.find(({ description }) => description !== undefined)?.description
    const seen = new Set<string>()
    return [
      ...(description === undefined ? [] : [`# HELP ${name} ${escaped(description)}`]),
      `# TYPE ${name} ${kinds[_tag]}`,
      ...family.flatMap((series) => linesOf(name, series)).filter((line) => {
        const key = line.slice(0, line.lastIndexOf(" "))
        return !seen.has(key) && seen.add(key)
      })
    ]
  }).map((line) => `${line}\n`).join("")
}

const kinds = { Counter: "counter", Gauge: "gauge", Frequency: "counter", Histogram: "histogram", Summary: "summary" }
const suffixes = {
  Counter: [],
  Gauge: [],
  Frequency: [],
  Histogram: ["_bucket", "_sum", "_count"],
  Summary: ["_sum", "_count"]
}

const linesOf = (name: string, { state, tags }: MetricSeries): ReadonlyArray<string> => {
  const line = (suffix: string, value: number, own: Readonly<Record<string, string>> = {}): string => {
    const labels = new Map(Object.entries(tags).map(([key, value]) => [labelOf(key), value]))
    labels.delete(reserved[state._tag] ?? "")
    for (const [key, value] of Object.entries(own)) labels.set(key, value)
    const told = [...labels].map(([key, value]) => `${key}="${escaped(value).replaceAll("\"", "\\\"")}"`)
    return `${name}${suffix}${told.length === 0 ? "" : `{${told.join(",")}}`} ${number(value)}`
  }
  switch (state._tag) {
    case "Counter":
      return [line("", state.count)]
    case "Gauge":
      return [line("", state.value)]
    case "Frequency":
      return Object.entries(state.occurrences).map(([word, count]) => line("", count, { value: word }))
    case "Histogram":
      return [
        ...state.buckets.map(([bound, count]) =>
          line("_bucket", count, { le: bound === null ? "+Inf" : String(bound) })
        ),
        line("_sum", state.sum),
        line("_count", state.count)
      ]
    case "Summary":
      return [
        ...state.quantiles.map(([quantile, value]) => line("", value ?? NaN, { quantile: String(quantile) })),
        line("_sum", state.sum),
        line("_count", state.count)
      ]
  }
}

// labels that the format itself uses
const reserved: Readonly<Partial<Record<MetricSeries["state"]["_tag"], string>>> = {
  Frequency: "value",
  Histogram: "le",
  Summary: "quantile"
}

const nameOf = (name: string): string => name.replace(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d|$)/, "_")
// labels that begin with two underscores belong to Prometheus
const labelOf = (name: string): string =>
  name.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^_{2,}/, "_").replace(/^(?=\d|$)/, "_")
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const number = (value: number): string =>
  value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : Number.isNaN(value) ? "NaN" : String(value)
