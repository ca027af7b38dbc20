/**
 * The picture for the README: the speed of a hello, and each scenario beside its reference. It is SVG for light and dark. Its
 * figures are those of the report, and its names those of the README.
 */
import { type Figures, median, plainly, type Verdict } from "./report.js"
import { keyOf, measurements, type Row, servers } from "./scenarios.js"

const width = 780
const labelWidth = 290
const barWidth = 300
const barHeight = 16
const step = 24

interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly kind: "ours" | "other"
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const bars = (top: number, title: string, most: number, given: ReadonlyArray<Bar>): string => {
  const x = (value: number): number => labelWidth + Math.min(value / most, 1) * barWidth
  const lines = given.map(({ kind, label, text, value }, i) => {
    const y = top + 30 + i * step
    const length = x(value) - labelWidth
    return `  <text class="label" x="${labelWidth - 10}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>\n` +
      `  <rect class="${kind}" x="${labelWidth}" y="${y}" width="${
        length.toFixed(1)
      }" height="${barHeight}" rx="2"/>\n` +
      `  <text class="figure" x="${(x(value) + 8).toFixed(1)}" y="${y + 12}">${escaped(text)}</text>\n`
  })
  return `  <text class="title" x="20" y="${top + 14}">${escaped(title)}</text>\n${lines.join("")}`
}

const helloBars = (figures: Figures): ReadonlyArray<Bar> => {
  const hello = figures.hello ?? {}
  const node = hello.nodeHttp ?? []
  const contestants = measurements.find(({ id }) => id === "hello")?.contestants ?? []
  return contestants.flatMap((contestant): ReadonlyArray<Bar> => {
    // of each round by itself, as the report compares
    const ratios = (hello[keyOf(contestant)] ?? []).map((value, round) => value / node[round]).filter(Number.isFinite)
    if (ratios.length === 0) return []
    const value = median(ratios)
    const { title } = servers[contestant.server]
    return [{
      label: contestant.server === "socket" ? `${plainly(title)} (the limit)` : plainly(title),
      value,
      text: value.toFixed(2),
      kind: title.startsWith("tsgi") ? "ours" : "other"
    }]
  }).sort((a, b) => b.value - a.value)
}

// Those beside node:http or a bare socket are in the first block.
const isDrawn = ({ measurements: [first], reference }: Row): boolean =>
  first !== "hello" || (reference !== "nodeHttp" && reference !== "socket")

const againstOf = ({ reference, subject }: Row): string => {
  if (subject.endsWith(" hook")) return "without a hook"
  if (subject.endsWith(" log")) return "without a log"
  if (reference === "command 1") return "one worker"
  return plainly(servers[reference.split(" ")[0] as keyof typeof servers].title)
}

const rowBars = (verdicts: ReadonlyArray<Verdict>, better: Row["better"]): ReadonlyArray<Bar> =>
  verdicts.flatMap(({ figure, row }): ReadonlyArray<Bar> =>
    row.figure !== "Ratio" || row.better !== better || Number.isNaN(figure) || !isDrawn(row)
      ? []
      : [{
        label: plainly(row.scenario),
        value: figure,
        text: `${figure.toFixed(2)} x ${againstOf(row)}`,
        kind: "ours"
      }]
  )

export const chart = (figures: Figures, verdicts: ReadonlyArray<Verdict>): string => {
  const most = (given: ReadonlyArray<Bar>): number => Math.max(1, ...given.map(({ value }) => value))
  let height = 20
  const parts = [
    { title: "Hello, requests per second: node:http = 1", given: helloBars(figures) },
    { title: "tsgi beside another server, or without a feature: more is better", given: rowBars(verdicts, "More") },
    { title: "The same: less is better", given: rowBars(verdicts, "Less") }
  ].map(({ given, title }) => {
    if (given.length === 0) return ""
    const drawn = bars(height, title, most(given), given)
    height += 30 + given.length * step + 30
    return drawn
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
  <title>tsgi beside other servers</title>
  <style>
    text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
    .title { font-size: 14px; font-weight: 600 }
    .figure { fill: #57606a }
    .ours { fill: #1a7f64 }
    .other { fill: #afb8c1 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .figure { fill: #9da7b3 }
      .ours { fill: #3fb68b }
      .other { fill: #565f69 }
    }
  </style>
${parts.join("")}</svg>
`
}
