/**
 * The benchmark without its figures: every contestant that needs no installation answers the requests of the benchmark.
 * Bench.long.test.ts has its command, and the guard.
 */
import * as fs from "node:fs"
import * as net from "node:net"
import * as os from "node:os"
import * as path from "node:path"
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest"
import { chart } from "../bench/chart.js"
import { latency } from "../bench/load/latency.js"
import { ask, type Response, Wire } from "../bench/load/wire.js"
import { document, type Figures, terminal, verdicts } from "../bench/report.js"
import { type Contestant, keyOf, type Measurement, measurements, rows, servers } from "../bench/scenarios.js"
import { listening } from "../bench/servers/listening.js"
import { hooksRun, serve as serveEffect } from "../bench/servers/tsgiEffect.js"
import { serve as serveFacade } from "../bench/servers/tsgiFacade.js"
import type { Serve, Serving } from "../bench/servers/work.js"
import { makeCertificate } from "../utils/certificate.js"
import { turn } from "../utils/holdings.js"

const root = path.resolve(import.meta.dirname, "../..")
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-bench-test-"))
afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))

const load = async (file: string): Promise<Serve> => {
  const { serve } = await import(`../bench/servers/${file}.ts`) as { readonly serve: Serve }
  return serve
}

interface Asked {
  readonly measurement: Measurement
  readonly contestant: Contestant
}

/** The requests to each process, over all measurements. */
const asked = new Map<string, Array<Asked>>()
for (const measurement of measurements) {
  for (const contestant of measurement.contestants) {
    // those of several processes get these requests before they are measured
    if ("needs" in servers[contestant.server] || "workers" in servers[contestant.server]) continue
    const { file } = servers[contestant.server]
    const name = `${file} ${contestant.mode ?? ""}`.trim()
    asked.set(name, [...asked.get(name) ?? [], { measurement, contestant }])
  }
}

describe("the contestants", () => {
  beforeAll(async () => {
    const certificate = await makeCertificate("localhost")
    process.env.BENCH_CERT = path.join(temporary, "cert.pem")
    process.env.BENCH_KEY = path.join(temporary, "key.pem")
    process.env.BENCH_LOG = path.join(temporary, "access.log")
    fs.writeFileSync(process.env.BENCH_CERT, certificate.cert)
    fs.writeFileSync(process.env.BENCH_KEY, certificate.key)
  })
  afterAll(() => {
    for (const name of ["BENCH_CERT", "BENCH_KEY", "BENCH_LOG"]) Reflect.deleteProperty(process.env, name)
  })

  it.each([...asked.keys()])("%s answers rightly", async (name) => {
    const [file, mode = ""] = name.split(" ")
    const serve = await load(file)
    const serving = await serve(mode)
    try {
      for (const { contestant, measurement } of asked.get(name) ?? []) {
        const { expected, request, secure } = measurement
        const small = typeof expected === "string"
        const own = contestant.path === undefined ? request : { ...request, path: contestant.path }
        const response = await ask(serving.port, own, small, secure)
        expect([measurement.id, response.status, small ? response.body : response.length])
          .toEqual([measurement.id, 200, expected])
      }
    } finally {
      await serving.stop()
    }
    await expect(ask(serving.port, { method: "GET", path: "/" }, false)).rejects.toThrow()
  })

  it("of tsgi run what they are measured for", async () => {
    const hello = { method: "GET", path: "/hello" } as const
    const facade = await serveFacade("log")
    await ask(facade.port, { ...hello, path: "/hook" }, true)
    const { body } = await ask(facade.port, { ...hello, path: "/hooks" }, true)
    await facade.stop()
    expect(Number(body)).toBeGreaterThan(0)
    expect(fs.readFileSync(path.join(temporary, "access.log"), "utf8")).toMatch(/"GET \/hook HTTP\/1.1" 200/)

    const effect = await serveEffect("hook")
    const before = hooksRun()
    await ask(effect.port, hello, true)
    await effect.stop()
    expect(hooksRun() - before).toBe(1)
  })
})

describe("the load", () => {
  const answer = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`

  it("knows an answer that is the last one to the byte, and every other", async () => {
    const reads = [
      answer("one"),
      answer("one"),
      `HTTP/1.1 100 Continue\r\n\r\n${answer("two")}`,
      `HTTP/1.1 100 Continue\r\n\r\n${answer("two")}`,
      answer("three").slice(0, 20),
      answer("three").slice(20),
      answer("one"),
      answer("four") + answer("five"),
      answer("four") + answer("five"),
      answer("six") + answer("six").slice(0, 20),
      answer("six").slice(20),
      // the last answer once more, as the body of another one
      answer("six"),
      `HTTP/1.1 200 OK\r\nContent-Length: ${answer("six").length}\r\n\r\n`,
      answer("six"),
      // and within the head of another one
      answer("six"),
      "HTTP/1.1 404 Not Found\r\nX: ",
      answer("six")
    ]
    const found: Array<string> = []
    const [wire, socket] = await connected()
    wire.onContinue = () => found.push("100")
    let last: Response | undefined
    wire.onResponse = (response) => {
      found.push(response === last ? "the same" : `${response.status} ${response.body}`)
      last = response
    }
    let sent = 0
    for (const read of reads) {
      sent += read.length
      socket.write(read)
      while (wire.socket.bytesRead < sent) await turn()
    }
    expect(found).toEqual(
      [
        "200 one",
        "the same",
        "100",
        "200 two",
        "100",
        "200 two",
        "200 three",
        "200 one",
        "200 four",
        "200 five",
        "200 four",
        "200 five",
        "200 six",
        "200 six",
        "200 six",
        `200 ${answer("six")}`,
        "200 six",
        "404 six"
      ]
    )
    wire.close()
  })

  const job = {
    _tag: "Latency",
    rate: 2000,
    slices: 4,
    request: { method: "GET", path: "/" },
    expected: "one",
    connections: 4,
    warmup: 0,
    seconds: 0.1
  } as const

  it("asks servers at a rate, back and forth, on all connections", async () => {
    const asked: Array<string> = []
    const sockets = new Map<net.Socket, number>()
    const named = (name: string) => (socket: net.Socket) =>
      socket.on("data", () => {
        if (asked.at(-1) !== name) asked.push(name)
        sockets.set(socket, (sockets.get(socket) ?? 0) + 1)
        socket.write(answer("one"))
      })
    const servers = [
      { name: "first", port: await peer(named("first")) },
      { name: "second", port: await peer(named("second")) }
    ]
    const results = await latency({ ...job, servers, rate: 400, connections: 16, seconds: 0.2, warmup: 0.02 })
    const slices = "first second  second first  first second  second first  first second".split(/ +/)
    expect(asked).toEqual(slices.filter((name, i) => name !== slices[i - 1]))
    const counts = [...sockets.values()]
    // the connection that was free for the longest time is next
    expect([counts.length, counts.reduce((sum, count) => sum + count)]).toEqual([2 * 16, 2 * 100])
    for (const { details, value } of results) {
      const { p50, p90, p999, max } = details
      const quantiles = [p50, p90, value, p999, max]
      expect(quantiles).toEqual([...quantiles].sort((a, b) => a - b))
      expect(p50).toBeGreaterThan(0)
    }
  })

  it("counts from when a request was due, not from when it could be sent", async () => {
    let first = true
    const port = await peer((socket) =>
      socket.on("data", () => {
        if (!first) return void socket.write(answer("one"))
        first = false
        setTimeout(() => socket.write(answer("one")), 50)
      })
    )
    const [{ details }] = await latency({
      ...job,
      connections: 1,
      slices: 1,
      servers: [{ name: "slow", port }]
    })
    // 100 of 200 requests were due while the only connection waited
    expect(details.max).toBeGreaterThan(45)
    expect(details.p90).toBeGreaterThan(30)
  })

  it.each([
    ["wrong answer: 200 two", answer("two")],
    ["wrong answer: 500 one", answer("one").replace("200 OK", "500 Oh")],
    ["the server closed the connection", undefined]
  ])("names the server of which there is to say: %s", async (told, given) => {
    const right = await peer((socket) => socket.on("data", () => socket.write(answer("one"))))
    const port = await peer((socket) =>
      socket.on("data", () => {
        if (given === undefined) socket.destroy()
        else socket.write(given)
      })
    )
    const servers = [{ name: "right", port: right }, { name: "wrong", port }]
    await expect(latency({ ...job, servers })).rejects.toThrow(`wrong: ${told}`)
  })

  const peers: Array<Serving> = []
  afterEach(() => Promise.all(peers.splice(0).map((peer) => peer.stop())))

  /** The port of a peer. */
  const peer = async (accept: (socket: net.Socket) => void): Promise<number> => {
    const serving = await listening(net.createServer({ noDelay: true }, (socket) => {
      // a load that has failed leaves while answers are under way
      socket.on("error", () => socket.destroy())
      accept(socket)
    }))
    peers.push(serving)
    return serving.port
  }

  const connected = async (): Promise<readonly [Wire, net.Socket]> => {
    const sockets: Array<net.Socket> = []
    const wire = new Wire(await peer((socket) => sockets.push(socket)), true)
    await wire.connected()
    while (sockets.length === 0) await turn()
    return [wire, sockets[0]]
  }
})

describe("the report", () => {
  /** The same figures for every contestant. */
  const all = (values: ReadonlyArray<number>): Record<string, Record<string, ReadonlyArray<number>>> =>
    Object.fromEntries(measurements.map(({ contestants, id }) => [
      id,
      Object.fromEntries(contestants.map((contestant) => [keyOf(contestant), values]))
    ]))

  const about = { date: "", node: "", cpu: "", pinned: true, seconds: 1, warmup: 1, rates: {} }

  it("names contestants that there are", () => {
    expect(verdicts(all([2, 4, 3])).map(({ figure, reached, row }) => [row.scenario, figure, reached !== "failed"]))
      .toEqual(rows.map(({ figure, scenario }) => [scenario, figure === "Ratio" ? 1 : figure === "Lost" ? 3 : 0, true]))
  })

  it("compares rounds, takes the median and tells what was reached", () => {
    const figures: Figures = {
      hello: { nodeHttp: [100, 200, 100], facade: [130, 260, 90], socket: [200, 400, 200] },
      latency: { nodeHttp: [2, 2, 2], facade: [1, 1, 1.5] },
      "fields-1": { nodeHttp: [100], facade: [120] },
      "fields-100": { nodeHttp: [100], facade: [99] },
      tls: { nodeHttps: [NaN], tls: [100] }
    }
    const told = verdicts(figures).map(({ at, figure, least, most, reached, row }) =>
      [row.scenario, row.reference, figure, least, most, reached, at] as const
    )
    expect(told.filter(([scenario]) => !scenario.startsWith("Effect"))).toEqual([
      ["facade, hello", "nodeHttp", 1.3, 0.9, 1.3, "yes", undefined],
      ["facade, hello", "socket", 0.65, 0.45, 0.65, "NO", undefined],
      ["TLS, hello", "nodeHttps", NaN, NaN, NaN, "failed", undefined],
      ["p99 latency at half of node:http's peak", "nodeHttp", 0.5, 0.5, 0.75, "aim", undefined],
      ["1 to 100 headers, at the worst", "nodeHttp", 0.99, 0.99, 0.99, "NO", "100"]
    ])
    const shown = terminal({ ...about, figures, failures: [] })
    expect(shown).toMatch(/plain TypeScript, hello +node:http +1\.30 .* yes, not in each round\n/)
    expect(shown).toMatch(/p99 latency .* aim, not in each round\n/)
  })

  it("can be read and drawn", () => {
    const figures = all([1, 2])
    const results = { ...about, figures, failures: ["this"] }
    expect(terminal(results)).toContain("failed: this")
    const told = document(results)
    expect(told).toContain("| plain TypeScript, hello | node:http | 1.00 | 1.00 to 1.00 | more |")
    expect(told).toContain("; 2 rounds of 1 s\n")
    expect(document({ ...results, rates: { latency: 31_000 }, figures: { ...figures, tls: { tls: [1] } } }))
      .toMatch(/; 1 to 2 rounds of 1 s\n.* at 31,000 requests\/s\)\./)
    const drawn = chart(figures, verdicts(figures))
    expect(drawn).not.toMatch(/NaN|undefined/)
    expect(drawn.match(/<rect/g)?.length).toBeGreaterThan(rows.length)
  })

  it("draws no text beyond the edge of the chart, nor one over another", () => {
    const drawn = fs.readFileSync(path.join(root, "test/bench/results.svg"), "utf8")
    const width = Number(/ width="(\d+)"/.exec(drawn)?.[1])
    // the average width of a character in the widest of the named fonts
    const pixels = { title: 7.9, note: 6.7, label: 6.7, figure: 6.7 }
    const texts = [...drawn.matchAll(/<text class="(title|note|label|figure)" x="([\d.]+)"[^>]*>([^<]*)</g)]
    expect(texts.length).toBeGreaterThan(rows.length)
    for (const [, kind, x, text] of texts) {
      const length = text.replace(/&\w+;/g, "&").length * pixels[kind as keyof typeof pixels]
      const [from, to] = kind === "label" ? [Number(x) - length, Number(x)] : [Number(x), Number(x) + length]
      expect([text, from >= 0, to <= width]).toEqual([text, true, true])
    }
  })

  it("draws the ratio of two servers once", () => {
    const drawn = fs.readFileSync(path.join(root, "test/bench/results.svg"), "utf8")
    // the first block has each server beside node:http
    const [, , second] = drawn.split("class=\"title\"")
    expect(second).not.toMatch(/hello<\/text>\n.*\n.*(?:node:http|a bare socket)</)
    expect(second).not.toMatch(/plain HttpApp<\/text>\n.*\n.*node:http</)
    expect(second).not.toMatch(/x without</)
  })

  // A thing has one figure and one name wherever a reader finds it.
  it("says in the chart, the README and SPEED.md what the report says", () => {
    const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")
    const { figures: kept } = JSON.parse(read("test/bench/results.json")) as { readonly figures: Figures }
    const kepts = verdicts(kept)
    const drawn = read("test/bench/results.svg")
    expect(drawn).toBe(chart(kept, kepts))
    expect(drawn).not.toMatch(/must|facade|layer|mark/)
    const figureOf = (scenario: string, reference: string): number =>
      kepts.find(({ row }) => row.scenario === scenario && row.reference.split(" ")[0] === reference)?.figure ?? NaN
    const plain = figureOf("facade, hello", "nodeHttp")
    const effect = figureOf("Effect layer, plain HttpApp", "platformNode")
    expect(read("README.md")).toContain(
      `${plain.toFixed(2)} times node:http's requests per second. In Effect: ${
        effect.toFixed(2)
      } times NodeHttpServer's.`
    )
    const speed = read("src/SPEED.md")
    for (
      const [what, ...expected] of [
        ["plain TypeScript: hello", plain, figureOf("facade, hello", "socket")],
        [
          "Effect, plain HttpApp: `HttpServerResponse.text`",
          effect,
          figureOf("Effect layer, plain HttpApp", "nodeHttp")
        ],
        ["p99 latency", figureOf("p99 latency at half of node:http's peak", "nodeHttp")]
      ] as const
    ) {
      const line = speed.split("\n").find((line) => line.startsWith(`| ${what}`)) ?? ""
      const told = (line.split("|")[3] ?? "").split(";").map(Number)
      expect(told, what).toHaveLength(expected.length)
      told.forEach((figure, i) => expect(Math.abs(figure - expected[i]), line).toBeLessThan(0.0051))
    }
    const [, hello] = />tsgi, plain TypeScript<\/text>[^]*?class="figure"[^>]*>([^<]*)</.exec(drawn) ?? []
    expect(hello).toBe(plain.toFixed(2))
  })
})
