/**
 * The status as a page, which is made on the server and has no script. A browser requests it again every two seconds.
 *
 * @since 0.2.0
 */
import * as Sparkline from "./Sparkline.js"
import type { Status, WorkerStatus } from "./Status.js"
import { style } from "./statusStyle.js"
import { describeCount, describeSize, describeTime, plural } from "./values.js"

/** Seconds until a browser requests the page again. */
const refresh = 2

/**
 * The whole HTML document. All names and messages are escaped.
 *
 * @since 0.2.0
 * @category conversions
 */
export const render = (status: Status): string => {
  const now = Date.parse(status.startedAt) + status.uptime * 1000
  const at = new Date(now).toISOString()
  const today = at.slice(0, 10)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="${refresh}">
<title>${escape(status.name)}: ${status.state}, ${status.ready} of ${status.configured} ready</title>
<style>${style}</style>
</head>
<body>
${head(status)}
<main>
${figures(status)}
${section("Workers", workers(status, now))}
${status.lastReload === null ? "" : section("Last reload", lastReload(status.lastReload, today))}
${section("Replaced workers", replaced(status, today))}
${section("Events", events(status, today))}
</main>
<footer>As of ${today} ${time(at)} UTC, every ${refresh} s. <a href="/metrics">Metrics</a>. With
<code>Accept: application/json</code> this page is JSON.</footer>
</body>
</html>
`
}

/**
 * Escapes text for a document or an attribute.
 *
 * @since 0.2.0
 * @category conversions
 */
export const escape = (text: string): string => text.replaceAll(/[&<>"']/g, (found) => `&#${found.charCodeAt(0)};`)

const section = (title: string, content: string): string => `<section><h2>${title}</h2>\n${content}</section>`

// the date is shown if it is not today's; the whole time is in the title
const time = (at: string, today = ""): string =>
  `<time datetime="${escape(at)}" title="${escape(at)}">${
    escape(today === "" || at.startsWith(today) ? at.slice(11, 19) : at.slice(0, 19).replace("T", " "))
  }</time>`

// the mood is good while all workers are ready, and bad while none is
const healthOf = ({ configured, ready, state }: Status): "good" | "fair" | "bad" =>
  ready === 0 ? "bad" : state === "serving" && ready >= configured ? "good" : "fair"

const head = (status: Status): string =>
  `<header class="${healthOf(status)}">
<h1>${escape(status.name)} <span class="state">${status.state}</span></h1>
<p><strong>${status.ready} of ${plural(status.configured, "worker")} ready</strong>, up ${
    describeTime(status.uptime * 1000)
  }, generation ${status.generation}</p>
<p>${escape(status.app)}${status.interface === null ? "" : ` (${status.interface})`} on ${
    status.listeners.map(({ address }) => `<code>${escape(address)}</code>`).join(", ")
  }</p>
<p class="quiet">tsgi ${escape(status.tsgi)}, Node ${escape(status.node)}, pid ${status.pid}</p>
</header>`

const figures = ({ totals, workers }: Status): string => {
  const rates = Sparkline.sum(workers.map(({ requestsPerSecond }) => requestsPerSecond))
  const active = workers.reduce((sum, { connections }) => sum + connections.active, 0)
  const waiting = workers.reduce((sum, { connections }) => sum + connections.waiting, 0)
  return `<dl>
<div class="wide"><dt>Requests a second</dt><dd>${describeCount(rates.at(-1) ?? 0)}</dd>${
    Sparkline.render(rates, Math.max(1, ...rates), "Requests a second over the last minute")
  }</div>
${figure("Requests", describeCount(totals.requests))}
${figure("Refused", describeCount(totals.refused))}
${figure("Aborted", describeCount(totals.aborted))}
${figure("Sent", describeSize(totals.responseBytes))}
${figure("At work", describeCount(active))}
${figure("Waiting", describeCount(waiting))}
${figure("Memory", describeSize(totals.rss))}
</dl>`
}

const figure = (name: string, value: string): string => `<div><dt>${name}</dt><dd>${value}</dd></div>`

/** Columns of the table of workers. On a narrow screen, each figure has the name of its column beside it. */
const columns: ReadonlyArray<
  readonly [name: string, cell: (worker: WorkerStatus, now: number, most: number) => string]
> = [
  ["Slot", ({ slot }) => String(slot)],
  ["State", ({ lastBeat, state }) => `<span class="${state}">${state}</span>${quietFor(lastBeat)}`],
  ["Pid", ({ pid }) => String(pid)],
  ["Generation", ({ generation }) => String(generation)],
  ["Age", ({ startedAt }, now) => describeTime(Math.max(0, now - Date.parse(startedAt)))],
  ["Requests", ({ requests }) => describeCount(requests)],
  [
    "A second",
    ({ requestsPerSecond, slot }, _, most) =>
      `<span class="rate">${describeCount(requestsPerSecond.at(-1) ?? 0)}</span> ${
        Sparkline.render(requestsPerSecond, most, `Requests a second of worker ${slot} over the last minute`)
      }`
  ],
  ["At work", ({ connections }) => describeCount(connections.active)],
  ["Idle", ({ connections }) => describeCount(connections.idle)],
  ["Loop delay", ({ loopDelay }) => `${loopDelay.p99} ms <small>up to ${loopDelay.max}</small>`],
  ["Memory", ({ heap, rss }) => `${describeSize(rss)} <small>heap ${describeSize(heap)}</small>`]
]

// a worker beats each second
const quietFor = (seconds: number): string =>
  seconds < 3 ? "" : ` <small>silent for ${describeTime(seconds * 1000)}</small>`

const workers = ({ workers }: Status, now: number): string => {
  if (workers.length === 0) return "<p>None has a process now.</p>"
  // all lines have one scale, so that they can be compared
  const most = Math.max(1, ...workers.flatMap(({ requestsPerSecond }) => requestsPerSecond))
  const rows = workers.map((worker) =>
    `<tr>${columns.map(([name, cell]) => `<td data-name="${name}">${cell(worker, now, most)}</td>`).join("")}</tr>`
  )
  return `<table class="workers">
<thead><tr>${columns.map(([name]) => `<th scope="col">${name}</th>`).join("")}</tr></thead>
<tbody>
${rows.join("\n")}
</tbody>
</table>`
}

const lastReload = ({ at, error, result, took }: NonNullable<Status["lastReload"]>, today: string): string =>
  `<p class="${result}">${time(at, today)} ${
    result === "done" ? `done in ${describeTime(took)}` : `refused after ${describeTime(took)}, old workers stay`
  }</p>${error === null ? "" : `<pre>${escape(error)}</pre>`}`

const replaced = ({ lastRestarts, reloads, restarts }: Status, today: string): string => {
  const counts = Object.entries(restarts).filter(([, count]) => count > 0)
  const told = counts.length === 0
    ? "None, but by reloads."
    : `${counts.map(([reason, count]) => `${reason} ${describeCount(count)}`).join(", ")}.`
  const items = lastRestarts.map(({ at, reason, text }) =>
    `<li>${time(at, today)} <strong>${reason}</strong> ${escape(text)}</li>`
  )
  return `<p>${told} Reloads: ${describeCount(reloads.done)} done, ${describeCount(reloads.refused)} refused.</p>${
    lastRestarts.length === 0 ? "" : `\n${list(items)}`
  }`
}

const events = ({ events }: Status, today: string): string => {
  if (events.length === 0) return "<p>Nothing yet.</p>"
  const items = events.map(({ at, level, text }) => `<li class="${level}">${time(at, today)} ${escape(text)}</li>`)
  return list(items)
}

const list = (items: ReadonlyArray<string>): string => `<ol class="events">\n${items.join("\n")}\n</ol>`
