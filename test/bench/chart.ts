/** The picture for the README: how fast a hello is, and what was reached in each scenario. SVG, for light and dark. */
import { type Figures, median, type Verdict } from "./report.js"
import { keyOf, measurements, servers } from "./scenarios.js"

const width = 780
const labelWidth = 290
const barWidth = 300
const barHeight = 16
const step = 24

interface Bar {
  readonly label: string
  readonly value: number
  readonly text: string
  readonly kind: "ours" | "other" | "short"
  /** Where the mark stands, in the bar's own unit. */
  readonly mark?: number
}

const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")

const bars = (top: number, title: string, most: number, given: ReadonlyArray<Bar>): string => {
  const x = (value: number): number => labelWidth + Math.min(value / most, 1) * barWidth
  const lines = given.map(({ kind, label, mark, text, value }, i) => {
    const y = top + 30 + i * step
    const length = x(value) - labelWidth
    return `  <text class="label" x="${labelWidth - 10}" y="${y + 12}" text-anchor="end">${escaped(label)}</text>\n` +
      `  <rect class="${kind}" x="${labelWidth}" y="${y}" width="${
        length.toFixed(1)
      }" height="${barHeight}" rx="2"/>\n` +
      (mark === undefined
        ? ""
        : `  <line class="mark" x1="${x(mark).toFixed(1)}" x2="${x(mark).toFixed(1)}" y1="${y - 3}" y2="${
          y + barHeight + 3
        }"/>\n`) +
      `  <text class="figure" x="${(Math.max(x(value), mark === undefined ? 0 : x(mark)) + 8).toFixed(1)}" y="${
        y + 12
      }">${escaped(text)}</text>\n`
  })
  return `  <text class="title" x="20" y="${top + 14}">${escaped(title)}</text>\n${lines.join("")}`
}

const helloBars = (figures: Figures): ReadonlyArray<Bar> => {
  const hello = figures.hello ?? {}
  const node = median((hello.nodeHttp ?? []).filter(Number.isFinite))
  const contestants = measurements.find(({ id }) => id === "hello")?.contestants ?? []
  return contestants.flatMap((contestant): ReadonlyArray<Bar> => {
    const values = (hello[keyOf(contestant)] ?? []).filter(Number.isFinite)
    if (values.length === 0 || Number.isNaN(node)) return []
    const value = median(values) / node
    const { title } = servers[contestant.server]
    return [{
      label: contestant.server === "socket" ? `${title} (the limit)` : title,
      value,
      text: value.toFixed(2),
      kind: title.startsWith("tsgi") ? "ours" : "other"
    }]
  }).sort((a, b) => b.value - a.value)
}

// Rows where less is better are turned round, so that a longer bar is always the better one.
const rowBars = (verdicts: ReadonlyArray<Verdict>): ReadonlyArray<Bar> =>
  verdicts.flatMap(({ figure, reached, row }): ReadonlyArray<Bar> => {
    if (row.figure !== "Ratio" || Number.isNaN(figure)) return []
    const turned = (value: number): number => row.better === "More" ? value : 1 / value
    const against = row.reference === row.subject.split(" ")[0] || row.reference === "effect plain"
      ? "without"
      : row.reference === "socket"
      ? "the limit"
      : servers[row.reference.split(" ")[0] as keyof typeof servers].title
    return [{
      label: row.scenario.replace("Effect layer", "Effect"),
      value: turned(figure),
      text: `${turned(figure).toFixed(2)} x ${against}`,
      kind: reached === "NO" || reached === "failed" ? "short" : "ours",
      mark: turned(row.must)
    }]
  })

export const chart = (figures: Figures, verdicts: ReadonlyArray<Verdict>): string => {
  const first = helloBars(figures)
  const second = rowBars(verdicts)
  const secondTop = first.length === 0 ? 20 : 20 + 30 + first.length * step + 30
  const height = secondTop + 30 + second.length * step + 40
  const most = (given: ReadonlyArray<Bar>): number =>
    Math.max(1, ...given.map(({ mark = 0, value }) => Math.max(value, mark)))
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">
  <title>tsgi beside other servers</title>
  <style>
    text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
    .title { font-size: 14px; font-weight: 600 }
    .figure { fill: #57606a }
    .ours { fill: #1a7f64 }
    .other { fill: #afb8c1 }
    .short { fill: #c4722a }
    .mark { stroke: #24292f; stroke-width: 1.5 }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .figure { fill: #9da7b3 }
      .ours { fill: #3fb68b }
      .other { fill: #565f69 }
      .short { fill: #e0954a }
      .mark { stroke: #e6edf3 }
    }
  </style>
${first.length === 0 ? "" : bars(20, "Hello over keep-alive, requests per second, node:http = 1", most(first), first)}${
    second.length === 0
      ? ""
      : bars(secondTop, "By scenario, longer is better; the mark is what must be reached", most(second), second)
  }</svg>
`
}
