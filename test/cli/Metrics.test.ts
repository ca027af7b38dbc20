/**
 * Metrics of many workers in one text: those of the server and of its app, summed, with the dead included. The text is read by
 * a strict parser, as a scrape is refused whole where one line is wrong; and no count falls, whatever befalls workers.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as PrometheusText from "../../src/cli/PrometheusText.js"
import { seriesOf } from "../../src/cli/supervisorMetrics.js"
import type { MetricSeries } from "../../src/server/MetricSeries.js"
import { counts, parse, totalOf } from "../utils/prometheus.js"
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
    expect(families.get("orders")).toMatchObject({ type: "counter", help: "Orders \\\\ of\\nall" })
    expect(families.get("orders")?.samples.map(({ labels, value }) => [labels["shop"], value])).toEqual([
      [`a "b" \\ c\nd`, 3],
      ["ü{}=,", 4]
    ])
    expect(families.get("limit")?.samples[0]?.value).toBe(Infinity)
    expect(families.get("took")?.samples.map(({ value }) => value)).toEqual([1, 3, 7, 1.5, 7])
    expect(totalOf(families, "words")).toBe(3)
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
    expect(parse(PrometheusText.format(series)).size).toBeGreaterThan(0)
  })
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
          expect(totalOf(before, "orders")).toBeGreaterThan(8)
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
          // the gauges of dead workers are not summed
          expect(totalOf(before, "open_orders")).toBe(10)
          expect(spawner.workers.length).toBeGreaterThan(5)
        })
    ))
})

describe("counters of an app that fall", () => {
  // Effect's counters may, unless they are made incremental, and most of those that never fall are not
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
        const read = Effect.map(
          Effect.clockWith((clock) => clock.currentTimeNanos),
          (now) => parse(PrometheusText.format(seriesOf(supervisor.facts, Number(now) / 1e6)))
        )
        const types = Effect.map(read, (families) =>
          Object.fromEntries(
            ["orders", "effect_fiber_active", "visitors", "balance"].map((name) => [name, families.get(name)?.type])
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
        const before = totalOf(yield* read, "orders")
        const reloading = yield* Effect.fork(supervisor.reload)
        yield* clock.adjust("3 seconds")
        yield* Fiber.join(reloading)
        // none of theirs has fallen yet
        expect(yield* types).toEqual(counted)
        const after = yield* read
        expect(totalOf(after, "orders")).toBeGreaterThan(before)
        expect(totalOf(after, "effect_fiber_active")).toBe(6)
        // two labels of two workers that are young
        expect(totalOf(after, "visitors")).toBeLessThanOrEqual(16)
      })))
})
