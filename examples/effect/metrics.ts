/**
 * The server's metrics: as a page that refreshes itself, and in the text format that Prometheus reads.
 *
 *   npx tsx examples/effect/metrics.ts
 *   curl http://127.0.0.1:8090/             Hello, World!
 *   curl http://127.0.0.1:8090/metrics      ...
 *                                           tsgi_requests_total{status="2xx"} 1
 *                                           ...
 *   open http://127.0.0.1:8090/status       in a browser
 */
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Effect, Layer, Schedule } from "effect"
import { monitorEventLoopDelay } from "node:perf_hooks"
import { MetricSeries, TsgiHttpServer } from "tsgi/effect"
import { isMain, port, run } from "./serve.js"

const kinds: Record<string, string | undefined> = { Counter: "counter", Gauge: "gauge", Histogram: "histogram" }

const named = ({ name, state }: MetricSeries.MetricSeries): string => state._tag === "Counter" ? `${name}_total` : name

const lines = (series: MetricSeries.MetricSeries): ReadonlyArray<string> => {
  const { state, tags } = series
  const line = (suffix: string, value: number, more: Record<string, string> = {}) => {
    const labels = Object.entries({ ...tags, ...more }).map(([key, value]) => `${key}="${value}"`)
    return `${named(series)}${suffix}${labels.length === 0 ? "" : `{${labels.join()}}`} ${value}`
  }
  if (state._tag === "Counter") return [line("", state.count)]
  if (state._tag === "Gauge") return [line("", state.value)]
  if (state._tag !== "Histogram") return []
  return [
    ...state.buckets.map(([most, count]) => line("_bucket", count, { le: most === null ? "+Inf" : `${most}` })),
    line("_sum", state.sum),
    line("_count", state.count)
  ]
}

/** Series of one name stand together, after what it means and its kind. */
const text = (all: ReadonlyArray<MetricSeries.MetricSeries>): string =>
  [...new Set(all.map(named))].flatMap((name) => {
    const family = all.filter((series) => named(series) === name)
    const [{ description, state }] = family
    const kind = kinds[state._tag]
    return kind === undefined
      ? []
      : [`# HELP ${name} ${description}`, `# TYPE ${name} ${kind}`, ...family.flatMap(lines)]
  }).map((line) => `${line}\n`).join("")

// what the program counts itself may have any name and any letters; `tsgi serve` has it at /metrics, too
const metrics = Effect.map(
  MetricSeries.snapshot,
  (all) =>
    HttpServerResponse.text(text(all.filter(({ name }) => name.startsWith("tsgi_"))), {
      contentType: "text/plain; version=0.0.4"
    })
)

/** Requests of each of the last sixty seconds, the newest last. */
const rates: Array<number> = []
const resolution = 10
const delay = monitorEventLoopDelay({ resolution })

const requests = Effect.map(
  TsgiHttpServer.metrics,
  (counted) => Object.values(counted.requests).reduce((sum, count) => sum + count, 0)
)

/** Counts once a second, as long as the server runs. */
const sampling = Layer.scopedDiscard(Effect.gen(function*() {
  delay.enable()
  yield* Effect.addFinalizer(() => Effect.sync(() => delay.disable()))
  let before = yield* requests
  yield* Effect.forkScoped(Effect.repeat(
    Effect.map(requests, (now) => {
      rates.push(now - before)
      rates.splice(0, rates.length - 60)
      before = now
    }),
    Schedule.fixed("1 second")
  ))
}))

const sparkline = (): string => {
  const most = Math.max(1, ...rates)
  const points = rates.map((rate, i) => `${60 - rates.length + i},${15.5 - (15 * rate) / most}`)
  return `<svg viewBox="0 0 59 16" preserveAspectRatio="none" role="img" aria-label="requests a second, last minute">` +
    `<polyline points="${points.join(" ")}"/></svg>`
}

const style = `body { font: 16px/1.5 system-ui; max-width: 40rem; margin: 2rem auto; padding: 0 1rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: 1rem; }
dt { opacity: .7; } dd { margin: 0; font-size: 1.3rem; }
svg { width: 100%; height: 5rem; } polyline { fill: none; stroke: #46f; vector-effect: non-scaling-stroke; }`

const page = Effect.map(TsgiHttpServer.metrics, ({ accepted, connections, requests, responseBytes }) => {
  const total = Object.entries(requests).map(([status, count]) => `${count} ${status}`).join(", ")
  const figures = {
    "Requests a second": rates.at(-1) ?? 0,
    Requests: total || 0,
    "Connections at work": connections.active,
    "Connections idle": connections.idle,
    "Connections accepted": accepted,
    "Bytes sent": responseBytes,
    "Event-loop delay, p99": `${Math.max(0, delay.percentile(99) / 1e6 - resolution).toFixed(1)} ms`,
    Memory: `${Math.round(process.memoryUsage.rss() / 1024 ** 2)} MiB`
  }
  return HttpServerResponse.html(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="2">
<title>${figures["Requests a second"]} requests a second</title>
<style>${style}</style>
<h1>Status</h1>
${sparkline()}
<dl>${Object.entries(figures).map(([name, figure]) => `<div><dt>${name}</dt><dd>${figure}</dd></div>`).join("\n")}</dl>
<p>Up ${Math.round(process.uptime())} s. <a href="/metrics">Metrics</a></p>
</html>
`)
})

const app = HttpRouter.empty.pipe(
  HttpRouter.get("/", HttpServerResponse.text("Hello, World!\n")),
  HttpRouter.get("/metrics", metrics),
  HttpRouter.get("/status", page),
  HttpServer.serve(),
  Layer.merge(sampling)
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(TsgiHttpServer.layer({ port }))
  ))
}
