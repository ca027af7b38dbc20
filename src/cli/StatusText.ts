/**
 * The status as a table, for a terminal.
 *
 * @since 0.2.0
 */
import type { Status } from "./Status.js"
import { describeCount, describeSize, describeTime, plural } from "./values.js"

/**
 * @since 0.2.0
 * @category conversions
 */
export const render = (status: Status): string => {
  const {
    app,
    configured,
    generation,
    interface: kind,
    lastReload,
    listeners,
    name,
    pid,
    ready,
    restarts,
    totals,
    uptime
  } = status
  const restarted = Object.entries(restarts).filter(([, count]) => count > 0).map(([reason, count]) =>
    `${reason} ${count}`
  )
  const rows = status.workers.map((worker) => [
    String(worker.slot),
    String(worker.pid),
    worker.state,
    String(worker.generation),
    describeTime(Date.now() - Date.parse(worker.startedAt)),
    describeCount(worker.requests),
    describeCount(worker.requestsPerSecond.at(-1) ?? 0),
    `${worker.connections.active}/${worker.connections.idle}`,
    `${worker.loopDelay.p99} ms`,
    describeSize(worker.rss)
  ])
  return [
    `${name}: ${status.state}, ${ready} of ${plural(configured, "worker")} ready, up ${
      describeTime(uptime * 1000)
    } (pid ${pid}, tsgi ${status.tsgi}, node ${status.node})`,
    `${app}${kind === null ? "" : ` (${kind})`} on ${
      listeners.map(({ address }) => address).join(", ")
    }, generation ${generation}`,
    `${plural(totals.requests, "request")}, ${describeCount(totals.refused)} refused, ${
      describeCount(totals.aborted)
    } aborted; ${describeSize(totals.rss)} in all; replaced: ${restarted.length === 0 ? "none" : restarted.join(", ")}`,
    ...(lastReload === null
      ? []
      : [`last reload ${lastReload.at}: ${lastReload.error ?? `done in ${describeTime(lastReload.took)}`}`]),
    "",
    ...table([["slot", "pid", "state", "gen", "age", "requests", "req/s", "act/idle", "loop p99", "rss"], ...rows])
  ].join("\n")
}

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> => {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i]?.length ?? 0)))
  return rows.map((row) => row.map((cell, i) => i === 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i])).join("  "))
}
