/**
 * Metrics of many workers in one text: those of the server and of its app, added up, including those of dead workers. A strict
 * parser reads the text, because Prometheus refuses it whole for one invalid line. No count falls, whatever happens to workers.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { spawnSync } from "node:child_process"
import * as PrometheusText from "../../src/cli/PrometheusText.js"
import { seriesOf } from "../../src/cli/supervisorMetrics.js"
import type { MetricSeries } from "../../src/server/MetricSeries.js"
import { installed } from "../utils/processes.js"
import { counts, parse, read, totalOf } from "../utils/prometheus.js"
import { scene } from "./scene.js"

const counter = (
  name: string,
  count: number,
  tags: Record<string, string> = {},
  description?: string
): MetricSeries => ({
  name,
  description,
  tags,
  state: { _tag: "Counter", count }
})

const gauge = (name: string, value: number): MetricSeries => ({
  name,
  description: undefined,
  tags: {},
  state: { _tag: "Gauge", value }
})

const histogram = (name: string, tags: Record<string, string>, ...counts: ReadonlyArray<number>): MetricSeries => ({
  name,
  description: undefined,
  tags,
  state: {
    _tag: "Histogram",
    buckets: counts.map((count, i) => [i === counts.length - 1 ? null : 0.1 * (i + 1), count]),
    count: counts.at(-1) ?? 0,
    sum: 1.5
  }
})

describe("the text", () => {
  it("has names, labels and values of all letters and kinds", () => {
    const families = parse(PrometheusText.format([
      counter("orders", 3, { shop: `a "b" \\ c\nd` }, "Orders \\ of\nall"),
      counter("orders", 4, { shop: "ü{}=," }),
      gauge("temperature", -3.5),
      gauge("limit", Infinity),
      histogram("took", { route: "/" }, 1, 3, 7),
      { ...gauge("words", 0), state: { _tag: "Frequency", occurrences: { yes: 2, "no \"way\"": 1 } } },
      {
        ...gauge("ages", 0),
        state: { _tag: "Summary", quantiles: [[0.5, 1], [0.9, null]], count: 2, sum: 3 }
      }
    ]))
    expect(families.get("orders_total")).toMatchObject({ type: "counter", help: "Orders \\\\ of\\nall" })
    expect(families.get("orders_total")?.samples.map(({ labels, value }) => [labels["shop"], value])).toEqual([
      [`a "b" \\ c\nd`, 3],
      ["ü{}=,", 4]
    ])
    expect(families.get("limit")?.samples[0]?.value).toBe(Infinity)
    expect(families.get("took")?.samples.map(({ value }) => value)).toEqual([1, 3, 7, 1.5, 7])
    expect(totalOf(families, "words_total")).toBe(3)
    expect(families.get("ages")?.samples).toHaveLength(4)
  })

  it.each<readonly [what: string, series: ReadonlyArray<MetricSeries>]>([
    ["names that are none", [counter("1 day", 1), counter("", 2), counter("é.b-c", 3)]],
    ["names that become the same", [counter("a.b", 1), counter("a_b", 2), counter("a-b", 3)]],
    ["the same twice", [counter("a", 1, { b: "c" }), counter("a", 2, { b: "c" })]],
    ["two kinds of one name", [counter("a", 1), gauge("a", 2), histogram("a", {}, 1)]],
    ["labels that become the same", [counter("a", 1, { "b.c": "1", "b-c": "2" })]],
    ["labels that are none", [counter("a", 1, { "": "1", "2b": "2", __name__: "3", "é": "4" })]],
    ["labels of the format's own", [histogram("a", { le: "x" }, 1, 2), histogram("b", {}, 1)]],
    ["a name that is a part of another", [histogram("a", {}, 1, 2), counter("a_count", 1), gauge("a_sum", 1)]],
    ["a name that another is a part of", [counter("a_count", 1), histogram("a", {}, 1, 2)]]
  ])("can be read with %s", (_, series) => {
    // names of an app's own choice may be against the conventions
    expect(read(PrometheusText.format(series)).size).toBeGreaterThan(0)
  })

  it.each<readonly [what: string, series: ReadonlyArray<PrometheusText.TextSeries>, names: ReadonlyArray<string>]>([
    ["two counters", [counter("orders", 1), counter("orders_total", 2)], ["orders", "orders_total"]],
    ["a gauge after it", [counter("jobs", 1), gauge("jobs_total", 2)], ["jobs", "jobs_total"]],
    ["a gauge before it", [gauge("jobs_total", 2), counter("jobs", 1)], ["jobs_total", "jobs"]],
    [
      "a gauge beside a counter that has fallen",
      [{ ...gauge("jobs", 1), wasCounter: true }, gauge("jobs_total", 2)],
      ["jobs", "jobs_total"]
    ]
  ])("leaves a counter its name where the app has the one with _total: %s", (_, series, names) => {
    // names of an app's own choice may be against the conventions
    expect([...read(PrometheusText.format(series)).keys()]).toEqual(names)
  })

  it("has the names that Prometheus' conventions want, and help for each", () => {
    const families = parse(PrometheusText.format([
      counter("orders", 1),
      counter("sales_total", 2),
      { ...gauge("words", 0), state: { _tag: "Frequency", occurrences: { yes: 2 } } },
      counter("effect_fiber_started", 3),
      gauge("effect_fiber_active", 4),
      gauge("temperature", 5),
      histogram("took", {}, 1, 2)
    ]))
    expect([...families.values()].map(({ help, name, type }) => [name, type, help])).toEqual([
      ["orders_total", "counter", "A counter of the application"],
      ["sales_total", "counter", "A counter of the application"],
      ["words_total", "counter", "A counter of the application"],
      ["effect_fiber_started_total", "counter", "Fibers that were started"],
      ["effect_fiber_active", "gauge", "Fibers that run"],
      ["temperature", "gauge", "A gauge of the application"],
      ["took", "histogram", "A histogram of the application"]
    ])
  })
})

const promtool = installed("promtool")

describe("the text of a whole server", () => {
  const app = (): ReadonlyArray<MetricSeries> => [
    counter("orders", 1, { shop: "a" }),
    gauge("open_orders", 5),
    histogram("took", {}, 1, 2),
    counter("effect_fiber_started", 3),
    counter("effect_fiber_active", 3)
  ]
  const text = (use: (text: string) => void) =>
    scene({}, () => ({ series: app }), ({ clock, started, supervisor }) =>
      Effect.gen(function*() {
        yield* started
        yield* clock.adjust("3 seconds")
        use(PrometheusText.format(seriesOf(supervisor.facts, clock.unsafeCurrentTimeMillis())))
      }))

  it.effect("has the series of the supervisor by the names that are promised", () =>
    text((text) => {
      const families = parse(text)
      expect(
        [...families.values()].filter(({ name }) => /^tsgi_(?:worker|reload|ready)/.test(name))
          .map(({ name, samples: [{ labels }], type }) => [name, type, Object.keys(labels).join()])
      ).toEqual([
        ["tsgi_workers", "gauge", "state"],
        ["tsgi_worker_exits_total", "counter", "reason"],
        ["tsgi_reloads_total", "counter", "result"],
        ["tsgi_ready", "gauge", ""],
        ["tsgi_worker_resident_memory_bytes", "gauge", "slot"],
        ["tsgi_worker_event_loop_delay_seconds", "summary", "slot,quantile"]
      ])
      expect(totalOf(families, "tsgi_requests_total")).toBe(14)
    }))

  it.effect.skipIf(promtool === undefined)(
    "passes promtool check metrics (skipped without prometheus)",
    () =>
      text((text) => {
        const { status, stderr, stdout } = spawnSync(promtool ?? "", ["check", "metrics"], {
          input: text,
          encoding: "utf8"
        })
        expect([status, stderr, stdout]).toEqual([0, "", ""])
      })
  )
})

describe("counts of an app", () => {
  const app = (beat: number): ReadonlyArray<MetricSeries> => [
    counter("orders", beat, { shop: "a" }),
    gauge("open_orders", 5),
    histogram("took", {}, beat, 2 * beat)
  ]

  it.effect("are summed, and do not fall with workers that die, are killed or replaced", () =>
    scene(
      {},
      (count) => ({
        series: app,
        ...(count === 1 ? { exitsAfter: 10_500 } : count === 2 ? { blocksAfter: 20_500 } : {})
      }),
      ({ clock, spawner, started, supervisor }) =>
        Effect.gen(function*() {
          const read = Effect.map(
            Effect.clockWith((clock) => clock.currentTimeNanos),
            (now) => parse(PrometheusText.format(seriesOf(supervisor.facts, Number(now) / 1e6)))
          )
          yield* started
          yield* clock.adjust("5 seconds")
          let before = yield* read
          expect(totalOf(before, "orders_total")).toBeGreaterThan(8)
          expect(totalOf(before, "open_orders")).toBe(10)
          const notFallen = Effect.map(read, (now) => {
            const all = counts(now)
            for (const [series, count] of counts(before)) {
              expect(all.get(series), series).toBeGreaterThanOrEqual(count)
            }
            before = now
          })
          for (let i = 0; i < 60; i++) {
            yield* clock.adjust("1 second")
            yield* notFallen
          }
          expect(supervisor.facts.restarts).toMatchObject({ crash: 1, hang: 1 })
          const reloading = yield* Effect.fork(supervisor.reload)
          for (let i = 0; i < 5; i++) {
            yield* clock.adjust("1 second")
            yield* notFallen
          }
          yield* Fiber.join(reloading)
          // the gauges of dead workers do not count
          expect(totalOf(before, "open_orders")).toBe(10)
          expect(spawner.workers.length).toBeGreaterThan(5)
        })
    ))
})

describe("counters of an app that fall", () => {
  // Effect's counters may fall unless they are made incremental, and most of those that never fall are not incremental
  const app = (beat: number): ReadonlyArray<MetricSeries> => [
    counter("orders", beat),
    counter("effect_fiber_active", 3),
    counter("visitors", beat < 5 ? beat : 9 - beat, { shop: "a" }),
    counter("visitors", beat, { shop: "b" }),
    counter("balance", -beat)
  ]

  it.effect("are gauges, of those that live: others are counts, and never fall", () =>
    scene({}, () => ({ series: app }), ({ clock, started, supervisor }) =>
      Effect.gen(function*() {
        const now = Effect.map(
          Effect.clockWith((clock) => clock.currentTimeNanos),
          (time) => read(PrometheusText.format(seriesOf(supervisor.facts, Number(time) / 1e6)))
        )
        const types = Effect.map(now, (families) =>
          Object.fromEntries(
            ["orders", "effect_fiber_active", "visitors", "balance"].map((name) => [
              name,
              (families.get(name) ?? families.get(`${name}_total`))?.type
            ])
          ))
        yield* started
        yield* clock.adjust("2 seconds")
        expect(yield* types).toEqual({
          orders: "counter",
          effect_fiber_active: "gauge",
          visitors: "counter",
          balance: "gauge"
        })
        yield* clock.adjust("5 seconds")
        const counted = { orders: "counter", effect_fiber_active: "gauge", visitors: "gauge", balance: "gauge" }
        expect(yield* types).toEqual(counted)
        // a name does not change when its counter falls
        const names = ["orders_total", "effect_fiber_active", "visitors_total", "balance_total"]
        expect([...(yield* now).keys()]).toEqual(expect.arrayContaining(names))
        const before = totalOf(yield* now, "orders_total")
        const reloading = yield* Effect.fork(supervisor.reload)
        yield* clock.adjust("3 seconds")
        yield* Fiber.join(reloading)
        // none of the new workers' counters has fallen yet
        expect(yield* types).toEqual(counted)
        const after = yield* now
        expect(totalOf(after, "orders_total")).toBeGreaterThan(before)
        expect(totalOf(after, "effect_fiber_active")).toBe(6)
        // two labels of two young workers count
        expect(totalOf(after, "visitors_total")).toBeLessThanOrEqual(16)
      })))
})
