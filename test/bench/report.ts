/** Makes reports of figures: the table on the terminal, and `RESULTS.md`. */
import {
  type Contestant,
  keyOf,
  latencyTimes,
  type Measurement,
  measurements,
  type Row,
  rows,
  servers
} from "./scenarios.js"

/** Figures by measurement, and there by contestant, one for each round. `NaN` for a round that failed. */
export type Figures = Readonly<Record<string, Readonly<Record<string, ReadonlyArray<number>>>>>

export interface Results {
  readonly date: string
  readonly node: string
  readonly cpu: string
  readonly pinned: boolean
  readonly seconds: number
  readonly warmup: number
  /** Requests a second of measurements at a fixed rate. */
  readonly rates: Readonly<Record<string, number>>
  readonly figures: Figures
  /** The reasons why figures are missing. */
  readonly failures: ReadonlyArray<string>
}

export interface Verdict {
  readonly row: Row
  readonly figure: number
  readonly least: number
  readonly most: number
  readonly reached: "aim" | "yes" | "NO" | "failed"
  /** The point at which it is the worst, if there are several. */
  readonly at: string | undefined
}

export const median = (values: ReadonlyArray<number>): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length === 0 ? NaN : sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2
}

interface Compared {
  readonly figure: number
  readonly least: number
  readonly most: number
  readonly at: string
}

// Within a round the two ran side by side, so rounds are compared, not medians.
const compare = (row: Row, id: string, figures: Figures): Compared | undefined => {
  const subject = figures[id]?.[row.subject] ?? []
  const reference = figures[id]?.[row.reference] ?? []
  const rounds = subject.flatMap((value, i) => {
    const compared = row.figure === "Lost"
      ? value
      : row.figure === "Ratio"
      ? value / (reference[i] ?? NaN)
      : value - (reference[i] ?? NaN)
    return Number.isFinite(compared) ? [compared] : []
  })
  return rounds.length === 0
    ? undefined
    : { figure: median(rounds), least: Math.min(...rounds), most: Math.max(...rounds), at: id }
}

/** Rows of which nothing was measured are left out. */
export const verdicts = (figures: Figures): ReadonlyArray<Verdict> =>
  rows.flatMap((row): ReadonlyArray<Verdict> => {
    const measured = row.measurements.filter((id) => id in figures)
    if (measured.length === 0) return []
    const sign = row.better === "More" ? 1 : -1
    const compared = measured.flatMap((id) => compare(row, id, figures) ?? [])
    const [worst] = [...compared].sort((a, b) => sign * (a.figure - b.figure))
    if (worst === undefined || compared.length < measured.length) {
      return [{ row, figure: NaN, least: NaN, most: NaN, reached: "failed", at: undefined }]
    }
    const passes = (bound: number | undefined): boolean => bound !== undefined && sign * (worst.figure - bound) >= 0
    return [{
      row,
      ...worst,
      at: row.measurements.length > 1 ? worst.at.replace(/^.*-/, "") : undefined,
      reached: passes(row.aim) ? "aim" : passes(row.must) ? "yes" : "NO"
    }]
  })

/** The name for readers, in the chart, RESULTS.md and SPEED.md alike. */
export const plainly = (name: string): string =>
  name
    .replace(/^tsgi facade/, "tsgi, plain TypeScript")
    .replace(/^tsgi Effect layer/, "tsgi, Effect")
    .replace(/^facade/, "plain TypeScript")
    .replace(/^Effect layer/, "Effect")
    .replace(/^NodeHttpServer\.layer/, "NodeHttpServer")
    .replace(/^constant answer on net\.Socket/, "a bare socket")

const titleOf = (key: string): string => {
  const contestant = measurements.flatMap((each) => each.contestants).find((each) => keyOf(each) === key)
  return contestant === undefined ? key : plainly(named(contestant))
}

/** The name of a contestant for readers, without its app, which the scenario has. */
const named = ({ mode, note, server }: Contestant): string => {
  const { title } = servers[server]
  const suffix = note ?? (mode === "log" || mode === "hook" ? mode : undefined)
  return suffix === undefined ? title : `${title}, ${suffix}`
}

const shown = (row: Row, value: number): string =>
  Number.isNaN(value)
    ? "-"
    : row.figure === "Ratio"
    ? value.toFixed(2)
    : `${value.toFixed(0)}${row.figure === "Lost" ? " lost" : " ms"}`

const bound = (row: Row, value: number | undefined): string =>
  value === undefined ? "" : `${row.better === "Less" ? "≤ " : ""}${shown(row, value)}`

/** Whether each round alone reaches what the median reaches. */
const inEachRound = ({ least, most, reached, row }: Verdict): boolean => {
  const bound = reached === "aim" ? row.aim : reached === "yes" ? row.must : undefined
  return bound === undefined || (row.better === "More" ? least >= bound : most <= bound)
}

const cells = (verdict: Verdict): ReadonlyArray<string> => {
  const { at, figure, least, most, reached, row } = verdict
  return [
    plainly(row.scenario) + (at === undefined ? "" : ` (${at})`),
    titleOf(row.reference),
    shown(row, figure),
    Number.isNaN(least) ? "" : `${shown(row, least)} to ${shown(row, most)}`,
    bound(row, row.must),
    bound(row, row.aim),
    reached + (inEachRound(verdict) ? "" : ", not in each round")
  ]
}

/** The number of cells with measured values, without the wanted ones. */
const measuredCells = 4

const measured = (verdict: Verdict): ReadonlyArray<string> => [
  ...cells(verdict).slice(0, measuredCells),
  verdict.row.better.toLowerCase()
]

const heading = ["row", "against", "figure", "spread", "must", "aim", "reached"]

export const unitOf = ({ load }: Measurement): "MB/s" | "requests/s" | "ms" | "bytes" | "lost" => {
  switch (load._tag) {
    case "Wrk":
      return load.count === "Bytes" ? "MB/s" : "requests/s"
    case "Continue":
      return "requests/s"
    case "Latency":
    case "Start":
      return "ms"
    case "Idle":
      return "bytes"
    case "Reload":
      return "lost"
  }
}

/** A figure of a measurement with its unit. */
export const withUnit = (measurement: Measurement, value: number): string => {
  if (Number.isNaN(value)) return "failed"
  const unit = unitOf(measurement)
  switch (unit) {
    case "MB/s":
      return `${(value / 1e6).toFixed(0)} MB/s`
    case "ms":
      return `${value.toFixed(2)} ms`
    case "requests/s":
    case "lost":
    case "bytes":
      return `${Math.round(value).toLocaleString("en-US")} ${unit}`
  }
}

const figureLines = (results: Results): ReadonlyArray<ReadonlyArray<string>> =>
  measurements.flatMap((measurement) =>
    Object.entries(results.figures[measurement.id] ?? {}).map(([key, values]) => {
      const good = values.filter((value) => !Number.isNaN(value))
      return [
        plainly(measurement.title),
        titleOf(key),
        withUnit(measurement, median(good)),
        good.length === 0
          ? ""
          : `${withUnit(measurement, Math.min(...good))} to ${withUnit(measurement, Math.max(...good))}`
      ]
    })
  )

const align = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = (lines[0] ?? []).map((_, i) => Math.max(...lines.map((line) => (line[i] ?? "").length)))
  return lines.map((line) => line.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("  ").trimEnd()).join("\n")
}

const markdown = (lines: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [first = [], ...rest] = lines.map((line) => line.map((cell) => cell.replaceAll("|", "\\|")))
  return [first, first.map(() => "---"), ...rest].map((line) => `| ${line.join(" | ")} |`).join("\n")
}

export const terminal = (results: Results): string => {
  const table = [heading, ...verdicts(results.figures).map(cells)]
  const missing = results.failures.map((line) => `failed: ${line}`).join("\n")
  return `\n${align(table)}\n${missing === "" ? "" : `\n${missing}\n`}`
}

// Single measurements may have more rounds, if they were merged into the results of an earlier run.
const rounds = (figures: Figures): string => {
  const counts = Object.values(figures).flatMap((byKey) => Object.values(byKey).map(({ length }) => length))
  const [least, most] = [Math.min(...counts), Math.max(...counts)]
  return least < most ? `${least} to ${most}` : String(least)
}

export const document = (results: Results): string =>
  `# Results

\`npm run bench\` wrote this file. [README.md](README.md) says what each row means and which rows are fair.

${results.date}, Node ${results.node}, ${results.cpu}; ${
    results.pinned ? "one core for the server, one for the load" : "server and load not kept apart"
  }; ${rounds(results.figures)} rounds of ${results.seconds} s
each after ${results.warmup} s of load (series: a third as long, at least a second; latencies: ${latencyTimes.seconds} times as long, and ${latencyTimes.warmup} times as much before${
    Object.values(results.rates).map((rate) => `, at ${Math.round(rate).toLocaleString("en-US")} requests/s`).join("")
  }).

![How fast it is beside others](results.svg)

"figure" is the median over the rounds of the ratio to what stands under "against" (of the difference where it is in ms),
"spread" goes from the least to the greatest. So the ratio of two bars of the chart's first block may differ a little from
the figure of those two servers here.

${markdown([[...heading.slice(0, measuredCells), "better"], ...verdicts(results.figures).map(measured)])}

## What was measured

${markdown([["measurement", "contestant", "median", "spread"], ...figureLines(results)])}
${
    results.failures.length === 0
      ? ""
      : `\n## What failed\n\n${results.failures.map((line) => `- ${line}`).join("\n")}\n`
  }`

/** The effect of a change: the same contestants of another checkout beside those of this one. */
export const comparison = (figures: Figures): string => {
  const lines = Object.entries(figures).flatMap(([id, byKey]) =>
    Object.entries(byKey).flatMap(([key, now]) => {
      const before = byKey[`${key} (before)`]
      if (before === undefined) return []
      const ratios = now.map((value, i) => value / (before[i] ?? NaN)).filter(Number.isFinite)
      return [[
        id,
        titleOf(key),
        median(ratios).toFixed(3),
        `${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)}`
      ]]
    })
  )
  return lines.length === 0 ? "" : `\n${align([["measurement", "contestant", "now / before", "spread"], ...lines])}\n`
}
