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
 * A series of any process; `Quantiles` is a summary over a window of time, of which there is no count and no sum.
 *
 * @since 0.2.0
 * @category models
 */
export type TextSeries = Omit<MetricSeries, "state"> & {
  readonly state:
    | MetricSeries["state"]
    | { readonly _tag: "Quantiles"; readonly quantiles: ReadonlyArray<readonly [quantile: number, value: number]> }
  /** Whether it is a gauge now because its counter has fallen. It keeps the counter's name. */
  readonly wasCounter?: boolean
}

/**
 * The text of all series. Those with the same name stand together after their HELP and TYPE. Names of counters end in `_total`,
 * unless another series has that name, and each name has a HELP, as `promtool check metrics` requires.
 *
 * Prometheus rejects the whole page for one invalid series. So names are written with allowed letters only. Of series whose names
 * become equal, or whose kinds differ, only the first is written.
 *
 * @since 0.2.0
 * @category conversions
 */
export const format = (all: ReadonlyArray<TextSeries>): string => {
  const families = new Map<string, Array<TextSeries>>()
  const given = new Set(all.map(validNameOf))
  for (const series of all) {
    const name = nameOf(series, given)
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
    const described = family.find(({ description = "" }) => description.trim() !== "")?.description
    const help = described ?? helps.get(name) ?? `A ${kinds[_tag]} of the application`
    const seen = new Set<string>()
    return [
      `# HELP ${name} ${escaped(help)}`,
      `# TYPE ${name} ${kinds[_tag]}`,
      ...family.flatMap((series) => linesOf(name, series)).filter((line) => {
        const key = line.slice(0, line.lastIndexOf(" "))
        return !seen.has(key) && seen.add(key)
      })
    ]
  }).map((line) => `${line}\n`).join("")
}

const kinds = {
  Counter: "counter",
  Gauge: "gauge",
  Frequency: "counter",
  Histogram: "histogram",
  Summary: "summary",
  Quantiles: "summary"
}
const suffixes = {
  Counter: [],
  Gauge: [],
  Frequency: [],
  Histogram: ["_bucket", "_sum", "_count"],
  Summary: ["_sum", "_count"],
  Quantiles: ["_sum", "_count"]
}

/** What Effect's own metrics are, which have no description. */
const helps: ReadonlyMap<string, string> = new Map([
  ["effect_fiber_started_total", "Fibers that were started"],
  ["effect_fiber_active", "Fibers that run"],
  ["effect_fiber_successes_total", "Fibers that succeeded"],
  ["effect_fiber_failures_total", "Fibers that failed"],
  ["effect_fiber_lifetimes", "Milliseconds that fibers ran"]
])

const linesOf = (name: string, { state, tags }: TextSeries): ReadonlyArray<string> => {
  const line = (suffix: string, value: number, own: Readonly<Record<string, string>> = {}): string => {
    const labels = new Map(Object.entries(tags).map(([key, value]) => [labelOf(key), value]))
    labels.delete(reserved[state._tag] ?? "")
    for (const [key, value] of Object.entries(own)) labels.set(key, value)
    const written = [...labels].map(([key, value]) => `${key}="${escaped(value).replaceAll("\"", "\\\"")}"`)
    return `${name}${suffix}${written.length === 0 ? "" : `{${written.join(",")}}`} ${number(value)}`
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
    case "Quantiles":
      return state.quantiles.map(([quantile, value]) => line("", value, { quantile: String(quantile) }))
    case "Summary":
      return [
        ...state.quantiles.map(([quantile, value]) => line("", value ?? NaN, { quantile: String(quantile) })),
        line("_sum", state.sum),
        line("_count", state.count)
      ]
  }
}

// labels that the format itself uses
const reserved: Readonly<Partial<Record<TextSeries["state"]["_tag"], string>>> = {
  Frequency: "value",
  Histogram: "le",
  Summary: "quantile",
  Quantiles: "quantile"
}

const validNameOf = ({ name }: TextSeries): string => name.replace(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d|$)/, "_")

const nameOf = (series: TextSeries, given: ReadonlySet<string>): string => {
  const valid = validNameOf(series)
  const isCounter = kinds[series.state._tag] === "counter" || series.wasCounter === true
  return isCounter && !valid.endsWith("_total") && !given.has(`${valid}_total`) ? `${valid}_total` : valid
}
// labels that begin with two underscores belong to Prometheus
const labelOf = (name: string): string =>
  name.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^_{2,}/, "_").replace(/^(?=\d|$)/, "_")
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const number = (value: number): string =>
  value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : Number.isNaN(value) ? "NaN" : String(value)
