/**
 * What the server counts, at a path, in the text format that Prometheus reads.
 *
 *   npx tsx examples/effect/metrics.ts
 *   curl http://127.0.0.1:8090/             Hello, World!
 *   curl http://127.0.0.1:8090/metrics      ...
 *                                           tsgi_requests{status="2xx"} 1
 *                                           ...
 */
import { HttpRouter, HttpServer, HttpServerResponse } from "@effect/platform"
import { Effect, Layer, Metric, type MetricPair, MetricState } from "effect"
import { TsgiHttpServer } from "tsgi/effect"
import { isMain, port, run } from "./serve.js"

const lines = ({ metricKey, metricState }: MetricPair.MetricPair.Untyped): ReadonlyArray<string> => {
  const line = (suffix: string, value: number | bigint, tags: ReadonlyArray<readonly [string, string]> = []) => {
    const all = [...metricKey.tags.map(({ key, value }) => [key, value] as const), ...tags]
    const braces = all.length === 0 ? "" : `{${all.map(([key, value]) => `${key}="${value}"`).join()}}`
    return `${metricKey.name}${suffix}${braces} ${value}`
  }
  if (MetricState.isCounterState(metricState)) return [line("", metricState.count)]
  if (MetricState.isGaugeState(metricState)) return [line("", metricState.value)]
  if (!MetricState.isHistogramState(metricState)) return []
  return [
    ...metricState.buckets.map(([most, count]) =>
      line("_bucket", count, [["le", most === Infinity ? "+Inf" : `${most}`]])
    ),
    line("_sum", metricState.sum),
    line("_count", metricState.count)
  ]
}

const metrics = Effect.map(Metric.snapshot, (pairs) =>
  HttpServerResponse.text(
    pairs.filter(({ metricKey }) => metricKey.name.startsWith("tsgi_")).flatMap(lines).sort().join("\n") + "\n",
    { contentType: "text/plain; version=0.0.4" }
  ))

const app = HttpRouter.empty.pipe(
  HttpRouter.get("/", HttpServerResponse.text("Hello, World!\n")),
  HttpRouter.get("/metrics", metrics),
  HttpServer.serve()
)

export default app

if (isMain(import.meta.url)) {
  run(app.pipe(
    HttpServer.withLogAddress,
    Layer.provide(TsgiHttpServer.layer({ port }))
  ))
}
