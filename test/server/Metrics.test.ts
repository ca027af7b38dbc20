/**
 * The counts of a server as plain data: for every way in which a connection or a request can end, at both doors, they are the
 * same as those of Effect's metrics.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { it as effectIt } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Metric from "effect/Metric"
import * as Scope from "effect/Scope"
import { type App, listen, server, type ServerMetrics, sumMetrics, wrapTls } from "tsgi"
import { MetricSeries, ServerMetrics as Metrics, TsgiHttpServer } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { hello, withServer } from "../utils/serving.js"

const total = ({ requests }: ServerMetrics) => Metrics.total(requests)

/** All series of a server, by name and tags, without connections, which Effect's metrics have only after up to half a second. */
const own = (series: ReadonlyArray<MetricSeries.MetricSeries>): Map<string, unknown> =>
  new Map(
    series.filter(({ name }) => name.startsWith("tsgi_") && name !== "tsgi_connections").map((one) => [
      JSON.stringify([one.name, one.description, one.tags]),
      one.state
    ])
  )

describe("a server counts", () => {
  it("each request once, by how it ended", async () => {
    const begun = gate()
    const app: App = async (env, startResponse) => {
      if (env.PATH_INFO === "/fails") throw new Error("failed")
      if (env.PATH_INFO === "/waits") {
        begun.open()
        await new Promise((resolve) => env["tsgi.signal"].addEventListener("abort", resolve))
      }
      return hello(env, startResponse)
    }
    const before = own(await Effect.runPromise(MetricSeries.snapshot))
    await withServer(app, {}, async ({ ask, connect, log, running }) => {
      expect(running.metrics()).toEqual(Metrics.zero)
      await ask(get("/"))
      await ask(get("/notexist"))
      await ask(get("/fails"))
      await ask(head("GET / HTTP/1.1"))
      const leaver = await connect()
      leaver.send(get("/waits"))
      await begun.opened
      expect(running.metrics().connections.active).toBeGreaterThan(0)
      leaver.close()
      await log.until(/ 499 /)
      const idle = await connect()
      idle.send(get("/"))
      await idle.response()
      const metrics = running.metrics()
      expect(metrics).toMatchObject({
        accepted: 6,
        lost: {},
        requests: { "2xx": 2, "4xx": 2, "5xx": 1 },
        aborted: { ClientGone: 1 },
        refused: { MissingHost: 1 }
      })
      expect(metrics.connections.waiting).toBe(0)
      expect(metrics.connections.idle).toBeGreaterThan(0)
      expect(metrics.duration.buckets.reduce((sum, count) => sum + count)).toBe(total(metrics))
      expect(metrics.duration.sum).toBeGreaterThan(0)
      expect(metrics.responseBytes).toBeGreaterThan(5 * 100)
      // the data can be sent to another process
      expect(structuredClone(metrics)).toEqual(metrics)
      expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics)
      // Effect's metrics have the same counts
      const after = own(await Effect.runPromise(MetricSeries.snapshot))
      for (const [key, state] of own(MetricSeries.ofServer(metrics))) {
        const now = after.get(key)
        expect(now, key).toBeDefined()
        expect(difference(now, before.get(key)), key).toEqual(rounded(state))
      }
    })
  })

  it("connections that are lost before they are accepted", async () => {
    const listener = wrapTls(listen(), await makeCertificate("localhost"))
    await withServer(hello, { listener }, async ({ ask, log, running }) => {
      await ask(get("/"))
      await log.until(/ lost /)
      expect(running.metrics()).toMatchObject({ accepted: 0, lost: { Handshake: 1 } })
    })
  })

  it("and goes on after its stop", async () => {
    await withServer(hello, {}, async ({ ask, running }) => {
      await ask(get("/"))
      await running.stop()
      expect(running.metrics()).toMatchObject({
        requests: { "2xx": 1 },
        connections: { idle: 0, active: 0, waiting: 0 }
      })
    })
  })

  it("nothing, where it cannot listen", async () => {
    const running = server(listen({ host: "192.0.2.1" }), hello, { logOutput: false })
    await expect(running.ready).rejects.toThrow(/192\.0\.2\.1/)
    await running.closed
    expect(running.metrics()).toEqual(Metrics.zero)
  })

  it("and tells in less than a millisecond, with hundreds of connections too", () =>
    withServer(hello, {}, async ({ connect, running }) => {
      const clients = await Promise.all(Array.from({ length: 200 }, connect))
      clients[0].send(get("/"))
      await clients[0].response()
      const before = process.cpuUsage()
      for (let i = 0; i < 1000; i++) running.metrics()
      expect(process.cpuUsage(before).user).toBeLessThan(1_000_000)
    }))
})

describe("the counts of several servers", () => {
  it("add up", () => {
    const one: ServerMetrics = {
      connections: { idle: 1, active: 2, waiting: 3 },
      accepted: 4,
      lost: { Handshake: 1 },
      requests: { "2xx": 5 },
      aborted: { ClientGone: 1 },
      refused: {},
      responseBytes: 100,
      duration: { buckets: Metrics.durationBounds.map((_, i) => i), sum: 1.5 }
    }
    const other: ServerMetrics = { ...one, requests: { "5xx": 1, "2xx": 1 }, refused: { MissingHost: 2 } }
    expect(sumMetrics([one, other])).toEqual({
      connections: { idle: 2, active: 4, waiting: 6 },
      accepted: 8,
      lost: { Handshake: 2 },
      requests: { "2xx": 6, "5xx": 1 },
      aborted: { ClientGone: 2 },
      refused: { MissingHost: 2 },
      responseBytes: 200,
      duration: { buckets: Metrics.durationBounds.map((_, i) => 2 * i), sum: 3 }
    })
    expect(sumMetrics([])).toEqual(Metrics.zero)
  })

  effectIt.effect("so do all series, an application's own too", () =>
    Effect.gen(function*() {
      const jobs = Metric.counter("metrics_test_jobs", { description: "Jobs", bigint: true })
      const words = Metric.frequency("metrics_test_words")
      yield* Metric.increment(jobs)
      yield* Metric.update(words, "tea")
      const series = (yield* MetricSeries.snapshot).filter(({ name }) => name.startsWith("metrics_test"))
      expect(JSON.parse(JSON.stringify(series))).toEqual(JSON.parse(JSON.stringify(series)))
      expect(MetricSeries.sum([series, series])).toEqual([
        {
          name: "metrics_test_jobs",
          description: "Jobs",
          tags: {},
          state: { _tag: "Counter", count: 2 }
        },
        {
          name: "metrics_test_words",
          description: undefined,
          tags: {},
          state: { _tag: "Frequency", occurrences: { tea: 2 } }
        }
      ])
      const served = MetricSeries.ofServer(Metrics.zero)
      expect(MetricSeries.sum([served, served]).filter(({ state }) => state._tag === "Histogram")).toHaveLength(1)
    }))
})

describe("the Effect door", () => {
  effectIt.scopedLive(
    "has the counts, also of the server before a pause, and zeros elsewhere",
    () =>
      Effect.gen(function*() {
        const scope = yield* Effect.scope
        const served = yield* TsgiHttpServer.make({ port: 0, host: "127.0.0.1", timeouts: { grace: 0 } })
        const metrics = Effect.provideService(TsgiHttpServer.metrics, HttpServer.HttpServer, served)
        const { address } = served
        if (address._tag !== "TcpAddress") throw new Error("not TCP")
        for (let i = 1; i <= 2; i++) {
          const serving = yield* Scope.fork(scope, ExecutionStrategy.sequential)
          yield* Scope.extend(served.serve(HttpServerResponse.text("hello")), serving)
          yield* Effect.promise(() =>
            fetch(`http://127.0.0.1:${address.port}/`, { headers: { connection: "close" } }).then((_) => _.text())
          )
          yield* Scope.close(serving, Exit.void)
          expect((yield* metrics).requests).toEqual({ "2xx": i })
        }
        const other = HttpServer.make({ address, serve: () => Effect.void })
        expect(yield* Effect.provideService(TsgiHttpServer.metrics, HttpServer.HttpServer, other)).toEqual(Metrics.zero)
      })
  )
})

it.each([[undefined, false], [false, false], [true, true]])(
  "wsgi.multiprocess is the option: %s",
  (multiprocess, told) =>
    withServer(
      (env, startResponse) => {
        startResponse("200 OK", [])
        return String(env["wsgi.multiprocess"])
      },
      { multiprocess },
      async ({ ask }) => {
        expect((await ask(get("/"))).body.toString()).toBe(String(told))
      }
    )
)

it("an option that is none is told", () => {
  expect(() => server(listen(), hello, { multiprocess: 1 as never })).toThrow(
    /multiprocess: must be true or false; it is 1/
  )
})

const rounded = (state: unknown): unknown =>
  JSON.parse(JSON.stringify(state, (_, value: unknown) => typeof value === "number" ? Number(value.toFixed(6)) : value))

const difference = (now: unknown, before: unknown): unknown => {
  const subtract = (one: unknown, other: unknown, key = ""): unknown => {
    if (typeof one === "number") return one - (typeof other === "number" ? other : 0)
    if (Array.isArray(one)) {
      // the first part of a bucket is its bound
      if (key === "bucket") return [one[0], subtract(one[1], Array.isArray(other) ? other[1] : 0)]
      return one.map((each, i) => subtract(each, Array.isArray(other) ? other[i] : undefined, "bucket"))
    }
    if (typeof one !== "object" || one === null) return one
    const entries = Object.entries(one).map(([name, value]) =>
      [
        name,
        subtract(value, typeof other === "object" && other !== null ? Reflect.get(other, name) : undefined)
      ] as const
    )
    return Object.fromEntries(entries)
  }
  return rounded(subtract(now, before))
}
