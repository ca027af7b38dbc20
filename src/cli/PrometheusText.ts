/**
 * Metrics in the text format that Prometheus reads (version 0.0.4).
 *
 * @since 0.2.0
 */
import type { MetricSeries } from "../server/MetricSeries.js"

/**
 * The `Content-Type` of it.
 *
 * @since 0.2.0
 * @category constants
 */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

/**
 * Series of one name follow each other, after their HELP and TYPE.
 *
 * @since 0.2.0
 * @category conversions
 */
export const format = (all: ReadonlyArray<MetricSeries>): string => {
  const families = new Map<string, Array<MetricSeries>>()
  for (const series of all) {
    const family = families.get(series.name)
    if (family === undefined) families.set(series.name, [series])
    else family.push(series)
  }
  return [...families].flatMap(([name, family]) => {
    const [{ description, state }] = family
    return [
      ...(description === undefined ? [] : [`# HELP ${nameOf(name)} ${escaped(description)}`]),
      `# TYPE ${nameOf(name)} ${kinds[state._tag]}`,
      ...family.flatMap(linesOf)
    ]
  }).map((line) => `${line}\n`).join("")
}

const kinds = { Counter: "counter", Gauge: "gauge", Frequency: "counter", Histogram: "histogram", Summary: "summary" }

const linesOf = ({ name, state, tags }: MetricSeries): ReadonlyArray<string> => {
  const line = (suffix: string, value: number, more: Readonly<Record<string, string>> = {}): string => {
    const labels = Object.entries({ ...tags, ...more }).map(([key, value]) =>
      `${labelOf(key)}="${escaped(value).replaceAll("\"", "\\\"")}"`
    )
    return `${nameOf(name)}${suffix}${labels.length === 0 ? "" : `{${labels.join(",")}}`} ${number(value)}`
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

const nameOf = (name: string): string => name.replace(/[^a-zA-Z0-9_:]/g, "_").replace(/^(?=\d)/, "_")
const labelOf = (name: string): string => name.replace(/[^a-zA-Z0-9_]/g, "_").replace(/^(?=\d)/, "_")
const escaped = (text: string): string => text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")
const number = (value: number): string =>
  value === Infinity ? "+Inf" : value === -Infinity ? "-Inf" : Number.isNaN(value) ? "NaN" : String(value)
