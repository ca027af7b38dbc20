/**
 * The measurements, their contestants, and the wanted figures, as data.
 *
 * A measurement gives one figure for each of its contestants and rounds. A row of the result compares two contestants of a
 * measurement, or of several at their worst.
 */

/** The contestants, each a file of `servers/`. */
export const servers = {
  socket: { file: "socket", title: "constant answer on net.Socket" },
  nodeHttp: { file: "nodeHttp", title: "node:http" },
  nodeHttps: { file: "nodeHttps", title: "node:https" },
  fastify: { file: "fastify", title: "Fastify" },
  platformNode: { file: "platformNode", title: "NodeHttpServer.layer" },
  facade: { file: "tsgiFacade", title: "tsgi facade" },
  tls: { file: "tsgiTls", title: "tsgi facade, TLS" },
  effect: { file: "tsgiEffect", title: "tsgi Effect layer" },
  eventlet: { file: "eventlet_server.py", title: "eventlet.wsgi", needs: ["eventlet"], package: "python3-eventlet" },
  gunicorn: {
    file: "gunicorn_server.py",
    title: "gunicorn, gevent",
    needs: ["gunicorn", "gevent.core"],
    package: "gunicorn python3-gevent"
  },
  command: { file: "tsgiCommand", title: "tsgi serve", workers: true },
  cluster: { file: "nodeCluster", title: "node:http on node:cluster", workers: true },
  threads: {
    file: "gunicorn_workers.py",
    title: "gunicorn, gthread",
    needs: ["gunicorn"],
    package: "gunicorn",
    workers: true
  },
  nginx: { file: "nginx", title: "nginx", program: "nginx", package: "nginx", workers: true },
  puma: { file: "puma", title: "puma", program: "puma", package: "puma", workers: true }
} as const satisfies Record<string, Server>

interface Server {
  readonly file: string
  readonly title: string
  /** Python modules; without them the contestant is left out. */
  readonly needs?: ReadonlyArray<string>
  /** The program that must be installed; without it the contestant is left out. */
  readonly program?: string
  readonly package?: string
  /** Whether it has several processes. The mode says how many workers. */
  readonly workers?: boolean
}

export type ServerName = keyof typeof servers

export interface Contestant {
  readonly server: ServerName
  /** The app, if one process cannot serve them all. */
  readonly mode?: string
  /** The path, if it differs from that of the measurement. */
  readonly path?: string
  /** A note for a server that is in a measurement more than once. */
  readonly note?: string
}

export interface Request {
  readonly method: "GET" | "POST"
  readonly path: string
  /** Without Host. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/**
 * A latency depends on moments in which the machine did something else, so its warm-up and its measurement take this many times
 * as long.
 */
export const latencyTimes = { warmup: 4, seconds: 10 }

export type Load =
  /** wrk, as fast as it goes; `Bytes` counts the bytes received instead of the responses, or those of the bodies sent. */
  | {
    readonly _tag: "Wrk"
    readonly connections: number
    readonly count: "Responses" | "Bytes"
    readonly depth?: number
    /** No two requests of a connection have the same Cookie. */
    readonly varied?: boolean
    /** Each request has a body of so many bytes. */
    readonly upload?: number
  }
  /** Bodies of `size` bytes, each sent once a 100 has come; responses a second. */
  | { readonly _tag: "Continue"; readonly connections: number; readonly size: number }
  /** Requests at a fixed rate, a share of what `peak` answers at its fastest; 99th percentile in milliseconds. */
  | { readonly _tag: "Latency"; readonly connections: number; readonly share: number; readonly peak: ServerName }
  /** Connections that have had an answer and wait; bytes of resident memory for each. */
  | { readonly _tag: "Idle"; readonly connections: number }
  /** From the start of the process to its first answer, in milliseconds. */
  | { readonly _tag: "Start" }
  /** Connections, half of them kept, half of one request each, over so many reloads; requests that were not answered. */
  | { readonly _tag: "Reload"; readonly connections: number; readonly reloads: number }

export interface Measurement {
  readonly id: string
  readonly title: string
  readonly request: Request
  /** The body of the right answer, or its length. */
  readonly expected: string | number
  readonly load: Load
  readonly contestants: ReadonlyArray<Contestant>
  /** One of a series of points: measured for a shorter time, left out of a quick run but for the first and the last. */
  readonly point?: boolean
  readonly secure?: boolean
  /** Servers of several processes have all cores, and share them with the load. */
  readonly shared?: boolean
}

export interface Row {
  readonly scenario: string
  readonly measurements: ReadonlyArray<string>
  /** Keys of contestants: see {@link keyOf}. */
  readonly subject: string
  readonly reference: string
  /** Subject to reference, by how many milliseconds it is later, or the subject's own requests that were lost. */
  readonly figure: "Ratio" | "Difference" | "Lost"
  readonly better: "More" | "Less"
  readonly must: number
  readonly aim: number | undefined
}

export const keyOf = ({ mode, note, server }: Contestant): string =>
  [server, mode, note].filter((part) => part !== undefined).join(" ")

const hello = "Hello, World!"
const getHello: Request = { method: "GET", path: "/hello" }
const usual: Load = { _tag: "Wrk", connections: 64, count: "Responses" }

const one: Contestant = { server: "command", mode: "1" }
const two: Contestant = { server: "command", mode: "2" }
const others: ReadonlyArray<Contestant> = [{ server: "cluster", mode: "2" }, { server: "threads", mode: "2" }]

const nodeHttp: Contestant = { server: "nodeHttp" }
const facade: Contestant = { server: "facade" }
const onEffect = (
  mode: string
): ReadonlyArray<Contestant> => [{ server: "platformNode", mode }, { server: "effect", mode }]

// What a browser sends. `wrk` adds Host.
const browser: Readonly<Record<string, string>> = {
  "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
  Accept: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
  "Accept-Language": "en-US,en;q=0.7,de;q=0.3",
  "Accept-Encoding": "gzip, deflate, br, zstd",
  Referer: "https://www.example.org/articles/2024/05/an-article?from=start",
  Connection: "keep-alive",
  Cookie: "session=6b1f0c2d9a8e4f7b; theme=dark; _ga=GA1.2.1234567890.1716200000; consent=analytics%3D0%26ads%3D0",
  "Upgrade-Insecure-Requests": "1"
}

const user = JSON.stringify({
  name: "Ada Lovelace",
  age: 36,
  email: "ada@example.org",
  roles: ["admin", "editor"]
})

const sizes = { "64k": 65_536, "10m": 10_485_760 } as const
const titles = { "64k": "64 KiB", "10m": "10 MiB" } as const
const bothSizes = ["64k", "10m"] as const

/** Connections, and header fields with Host, for the rows on growth. */
export const connectionCounts = [1, 4, 16, 64, 256, 1000, 4000] as const
export const headerCounts = [1, 5, 10, 25, 50, 100] as const

const manyHeaders = (count: number): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Array.from({ length: count - 1 }, (_, i) => [`X-Some-Header-${i + 1}`, `the value of header number ${i + 1}`])
  )

export const measurements: ReadonlyArray<Measurement> = [
  {
    id: "hello",
    title: "hello, keep-alive, 64 connections",
    request: getHello,
    expected: hello,
    load: usual,
    contestants: [
      { server: "socket" },
      nodeHttp,
      { server: "fastify" },
      facade,
      { server: "effect", mode: "plain" },
      { server: "platformNode", mode: "plain" },
      { server: "eventlet" },
      { server: "gunicorn" }
    ]
  },
  {
    id: "headers",
    title: "hello with a browser's eight headers",
    request: { ...getHello, headers: browser },
    expected: hello,
    load: usual,
    contestants: [nodeHttp, facade]
  },
  {
    id: "varied",
    title: "the same, the cookie another in each request",
    request: { ...getHello, headers: browser },
    expected: hello,
    load: { ...usual, varied: true },
    contestants: [nodeHttp, facade]
  },
  {
    id: "pipelined",
    title: "hello, pipelined 16 deep",
    request: getHello,
    expected: hello,
    load: { ...usual, depth: 16 },
    contestants: [nodeHttp, facade]
  },
  {
    id: "router",
    title: "HttpRouter with 20 routes",
    request: { method: "GET", path: "/api/resource17" },
    expected: `${hello} 17`,
    load: usual,
    contestants: onEffect("router")
  },
  {
    id: "parameters",
    title: "path parameters by schema, JSON answer",
    request: { method: "GET", path: "/users/42/posts/1234" },
    expected: "{\"user\":42,\"post\":1234,\"title\":\"A post\",\"tags\":[\"a\",\"b\",\"c\"]}",
    load: usual,
    contestants: onEffect("parameters")
  },
  {
    id: "json",
    title: "POST JSON decoded by schema",
    request: { method: "POST", path: "/users", headers: { "Content-Type": "application/json" }, body: user },
    expected: "{\"id\":1,\"name\":\"Ada Lovelace\",\"roles\":2}",
    load: usual,
    contestants: onEffect("json")
  },
  {
    id: "hook-facade",
    title: "a post hook for each request, facade",
    request: getHello,
    expected: hello,
    load: usual,
    contestants: [facade, { ...facade, path: "/hook", note: "hook" }]
  },
  {
    id: "hook-effect",
    title: "a post hook for each request, Effect layer",
    request: getHello,
    expected: hello,
    load: usual,
    contestants: [{ server: "effect", mode: "plain" }, { server: "effect", mode: "hook" }]
  },
  {
    id: "log",
    title: "access log to a file",
    request: getHello,
    expected: hello,
    load: usual,
    contestants: [facade, { server: "facade", mode: "log" }]
  },
  ...bothSizes.map((size): Measurement => ({
    id: `upload-${size}`,
    title: `upload of ${titles[size]}`,
    request: { method: "POST", path: "/upload", body: "x".repeat(1000) },
    expected: "1000",
    load: { _tag: "Wrk", connections: size === "64k" ? 16 : 4, count: "Bytes", upload: sizes[size] },
    contestants: [nodeHttp, facade]
  })),
  ...(["array", "stream"] as const).flatMap((form) =>
    bothSizes.map((size): Measurement => ({
      id: `${form}-${size}`,
      title: `download of ${titles[size]}, ${form}`,
      request: { method: "GET", path: `/${form}/${size}` },
      expected: sizes[size],
      load: { _tag: "Wrk", connections: size === "64k" ? 16 : 4, count: "Bytes" },
      contestants: [nodeHttp, facade]
    }))
  ),
  {
    id: "continue",
    title: "upload of 1 KiB after 100 Continue",
    request: { method: "POST", path: "/upload", body: "x".repeat(1000) },
    expected: "1000",
    load: { _tag: "Continue", connections: 64, size: 1024 },
    contestants: [nodeHttp, facade]
  },
  {
    id: "tls",
    title: "hello over TLS, keep-alive",
    request: getHello,
    expected: hello,
    load: usual,
    contestants: [{ server: "nodeHttps" }, { server: "tls" }],
    secure: true
  },
  {
    id: "close",
    title: "a new connection for each request",
    request: { ...getHello, headers: { Connection: "close" } },
    expected: hello,
    load: usual,
    contestants: [nodeHttp, facade]
  },
  {
    id: "latency",
    title: "99th percentile at half of node:http's peak rate",
    request: getHello,
    expected: hello,
    load: { _tag: "Latency", connections: 64, share: 0.5, peak: "nodeHttp" },
    contestants: [nodeHttp, facade]
  },
  {
    id: "idle",
    title: "memory of an idle connection, 4,000 of them",
    request: getHello,
    expected: hello,
    load: { _tag: "Idle", connections: 4000 },
    contestants: [nodeHttp, facade]
  },
  {
    id: "start",
    title: "start to first answer",
    request: getHello,
    expected: hello,
    load: { _tag: "Start" },
    contestants: [nodeHttp, facade]
  },
  {
    id: "workers-work",
    title: "a millisecond of work, 16 connections",
    request: { method: "GET", path: "/work" },
    expected: hello,
    load: { ...usual, connections: 16 },
    contestants: [one, two, ...others],
    shared: true
  },
  {
    id: "workers-hello",
    title: "hello, the load on the same cores",
    request: getHello,
    expected: hello,
    load: usual,
    contestants: [one, two, ...others],
    shared: true
  },
  {
    id: "reload",
    title: "requests lost in 5 reloads under load",
    request: getHello,
    expected: hello,
    load: { _tag: "Reload", connections: 32, reloads: 5 },
    contestants: [two, { server: "threads", mode: "2" }, { server: "nginx", mode: "2" }, { server: "puma", mode: "2" }],
    shared: true
  },
  ...connectionCounts.map((connections): Measurement => ({
    id: `connections-${connections}`,
    title: `hello, connections: ${connections}`,
    request: getHello,
    expected: hello,
    load: { ...usual, connections },
    contestants: [nodeHttp, facade],
    point: true
  })),
  ...headerCounts.map((count): Measurement => ({
    id: `fields-${count}`,
    title: `hello, request headers: ${count}`,
    request: { ...getHello, headers: manyHeaders(count) },
    expected: hello,
    load: usual,
    contestants: [nodeHttp, facade],
    point: true
  }))
]

const ratio = { figure: "Ratio", better: "More" } as const
const toNode = { subject: "facade", reference: "nodeHttp", ...ratio } as const

const onPlatform = (mode: string) => ({ subject: `effect ${mode}`, reference: `platformNode ${mode}`, ...ratio })

/** The table of what must be reached. */
export const rows: ReadonlyArray<Row> = [
  { scenario: "facade, hello", measurements: ["hello"], ...toNode, must: 1.2, aim: 1.4 },
  { scenario: "facade, hello", measurements: ["hello"], ...toNode, reference: "socket", must: 0.7, aim: 0.85 },
  { scenario: "facade, a browser's headers", measurements: ["headers"], ...toNode, must: 1.15, aim: 1.4 },
  { scenario: "facade, varied headers", measurements: ["varied"], ...toNode, must: 1.15, aim: 1.4 },
  { scenario: "facade, pipelined 16 deep", measurements: ["pipelined"], ...toNode, must: 3, aim: 5 },
  { scenario: "Effect layer, plain HttpApp", measurements: ["hello"], ...onPlatform("plain"), must: 4, aim: 5 },
  {
    scenario: "Effect layer, plain HttpApp",
    measurements: ["hello"],
    ...onPlatform("plain"),
    reference: "nodeHttp",
    must: 0.9,
    aim: 1.1
  },
  { scenario: "Effect layer, 20 routes", measurements: ["router"], ...onPlatform("router"), must: 3, aim: 3.5 },
  {
    scenario: "Effect layer, path parameters by schema",
    measurements: ["parameters"],
    ...onPlatform("parameters"),
    must: 1.9,
    aim: 2.3
  },
  { scenario: "Effect layer, POST JSON by schema", measurements: ["json"], ...onPlatform("json"), must: 2, aim: 3 },
  {
    scenario: "facade, one post hook",
    measurements: ["hook-facade"],
    subject: "facade hook",
    reference: "facade",
    ...ratio,
    must: 0.92,
    aim: 0.97
  },
  {
    scenario: "Effect layer, one post hook",
    measurements: ["hook-effect"],
    subject: "effect hook",
    reference: "effect plain",
    ...ratio,
    must: 0.92,
    aim: 0.97
  },
  {
    scenario: "facade, access log to a file",
    measurements: ["log"],
    subject: "facade log",
    reference: "facade",
    ...ratio,
    must: 0.8,
    aim: 0.9
  },
  { scenario: "upload, 64 KiB", measurements: ["upload-64k"], ...toNode, must: 1, aim: 1.3 },
  { scenario: "upload, 10 MiB", measurements: ["upload-10m"], ...toNode, must: 1, aim: 1.3 },
  { scenario: "download, 64 KiB, array", measurements: ["array-64k"], ...toNode, must: 1, aim: 1.2 },
  { scenario: "download, 10 MiB, array", measurements: ["array-10m"], ...toNode, must: 1, aim: 1.2 },
  { scenario: "download, 64 KiB, stream", measurements: ["stream-64k"], ...toNode, must: 1, aim: 1.2 },
  { scenario: "download, 10 MiB, stream", measurements: ["stream-10m"], ...toNode, must: 1, aim: 1.2 },
  { scenario: "100 Continue round trip", measurements: ["continue"], ...toNode, must: 1, aim: 1.2 },
  {
    scenario: "TLS, hello",
    measurements: ["tls"],
    subject: "tls",
    reference: "nodeHttps",
    ...ratio,
    must: 1,
    aim: 1.2
  },
  { scenario: "new connection per request", measurements: ["close"], ...toNode, must: 1, aim: 1.2 },
  {
    scenario: "p99 latency at half of node:http's peak",
    measurements: ["latency"],
    ...toNode,
    better: "Less",
    must: 1,
    aim: 0.5
  },
  {
    scenario: "memory per idle connection, 4,000",
    measurements: ["idle"],
    ...toNode,
    better: "Less",
    must: 1,
    aim: 0.5
  },
  {
    scenario: "start to first answer",
    measurements: ["start"],
    ...toNode,
    figure: "Difference",
    better: "Less",
    must: 150,
    aim: 80
  },
  {
    scenario: "two workers, 1 ms of work",
    measurements: ["workers-work"],
    subject: "command 2",
    reference: "command 1",
    ...ratio,
    must: 1.5,
    aim: 1.8
  },
  {
    scenario: "two workers, 1 ms of work",
    measurements: ["workers-work"],
    subject: "command 2",
    reference: "cluster 2",
    ...ratio,
    must: 0.95,
    aim: 1
  },
  {
    scenario: "two workers, 1 ms of work",
    measurements: ["workers-work"],
    subject: "command 2",
    reference: "threads 2",
    ...ratio,
    must: 1,
    aim: undefined
  },
  {
    scenario: "two workers, hello, load on their cores",
    measurements: ["workers-hello"],
    subject: "command 2",
    reference: "command 1",
    ...ratio,
    must: 1,
    aim: 1.2
  },
  {
    scenario: "two workers, hello, load on their cores",
    measurements: ["workers-hello"],
    subject: "command 2",
    reference: "cluster 2",
    ...ratio,
    must: 1,
    aim: 1.2
  },
  {
    scenario: "lost in 5 reloads",
    measurements: ["reload"],
    subject: "command 2",
    reference: "nginx 2",
    figure: "Lost",
    better: "Less",
    must: 0,
    aim: 0
  },
  {
    scenario: "1 to 4,000 connections, at the worst",
    measurements: connectionCounts.map((count) => `connections-${count}`),
    ...toNode,
    must: 1,
    aim: undefined
  },
  {
    scenario: "1 to 100 headers, at the worst",
    measurements: headerCounts.map((count) => `fields-${count}`),
    ...toNode,
    must: 1,
    aim: undefined
  }
]
