/** A18, A19, A21, A23: systemd, HAProxy, the control socket, TLS. */
import * as fs from "node:fs"
import * as path from "node:path"
import * as tls from "node:tls"
import { generate } from "selfsigned"
import { freePort } from "../utils/ports.js"
import { installed, Program } from "../utils/processes.js"
import { counts, parse } from "../utils/prometheus.js"
import type { Check } from "./Check.js"
import { found, unseen, until } from "./Check.js"
import { ask, quiet, Served } from "./Served.js"

// Node has no datagram sockets of unix; systemd-notify waits until the descriptor that it sends last is closed.
const listensForNotes = `
import array, os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    data, extra, _, _ = s.recvmsg(4096, 1024)
    for level, kind, fds in extra:
        if kind == socket.SCM_RIGHTS:
            a = array.array("i"); a.frombytes(fds[:len(fds) - len(fds) % a.itemsize])
            for fd in a: os.close(fd)
    print(data.decode().replace("\\n", " "), flush=True)
`

const A18: Check = {
  claim:
    "an activated socket is served (npx, which hands none on, is refused), and systemd is told ready, reload, ready and " +
    "stop, in order",
  run: async ({ product }) => {
    const activate = installed("systemd-socket-activate")
    if (activate === undefined) return unseen("no systemd-socket-activate here")
    const port = await freePort()
    const activated = product.start(activate, [
      ...["-l", `127.0.0.1:${port}`, ...["PATH", "HOME"].map((name) => `--setenv=${name}`)],
      ...["tsgi", "serve", "hello.ts", "-w", "2", "--control", "none", ...quiet.split(" ")]
    ])
    await using _ = activated
    await activated.line(/Listening on/)
    const { body } = await ask({ port })
    const workers = await until(
      10_000,
      () => activated.stderr.filter((line) => /worker \d .* ready in/.test(line)).length === 2
    )
    activated.kill("SIGTERM")
    await activated.ended

    const elsewhere = await freePort()
    await using wrapped = product.start(activate, [
      ...["-l", `127.0.0.1:${elsewhere}`, ...["PATH", "HOME"].map((name) => `--setenv=${name}`)],
      ...["npx", "tsgi", "serve", "hello.ts", "--control", "none", ...quiet.split(" ")]
    ])
    await wrapped.line(/Listening on/)
    await ask({ port: elsewhere }).catch(() => undefined)
    const { stderr: refusal } = await wrapped.ended

    const python = installed("python3")
    const served: readonly [string, boolean] = [
      `activated: ${body.trim()}, by npx: ${refusal.at(-1)}`,
      body.startsWith("Hello") && workers < 10_000 && /^tsgi: LISTEN_FDS is for pid/.test(refusal.at(-1) ?? "")
    ]
    if (python === undefined || installed("systemd-notify") === undefined) {
      return found(served, ["notifications not seen: no python3 or no systemd-notify here"])
    }
    const socket = path.join(product.folder, "notify.sock")
    fs.rmSync(socket, { force: true })
    await using notes = new Program(python, ["-c", listensForNotes, socket], { cwd: product.folder })
    await notes.line(/^bound$/)
    await using told = await Served.start(product, `serve wsgi.mjs ${quiet}`, { env: { NOTIFY_SOCKET: socket } })
    await notes.line(/READY=1/)
    await told.reload(1)
    await until(5000, () => notes.stdout.filter((line) => /(^|\s)READY=1/.test(line)).length === 2)
    await told.stop()
    const words = notes.stdout.flatMap((line) => /(?:^|\s)(?:READY|RELOADING|STOPPING)=1/.exec(line)?.[0].trim() ?? [])
      .join(" ")
    const monotonic = notes.stdout.some((line) => /RELOADING=1.*MONOTONIC_USEC=\d+/.test(line))
    return found(
      served,
      [words, words === "READY=1 RELOADING=1 READY=1 STOPPING=1"],
      ["MONOTONIC_USEC with it", monotonic]
    )
  }
}

const A19: Check = {
  claim: "behind HAProxy's PROXY headers the client's address is known; without a header the connection is closed",
  run: async ({ product }) => {
    const haproxy = installed("haproxy")
    if (haproxy === undefined) return unseen("no haproxy here")
    await using served = await Served.start(
      product,
      "serve works.mjs --proxy-protocol any --proxy-from 127.0.0.1 --access-log -"
    )
    const kinds = { v2: "send-proxy-v2 check", v1: "send-proxy check", none: "" }
    const ports = { v2: await freePort(), v1: await freePort(), none: await freePort(), stats: await freePort() }
    const file = product.write(
      "haproxy.cfg",
      [
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 10s\n  timeout server 10s\n  retries 0",
        `frontend stats\n  bind 127.0.0.1:${ports.stats}\n  stats enable\n  stats uri /stats`,
        ...Object.entries(kinds).map(([name, options]) =>
          `listen ${name}\n  bind 127.0.0.1:${
            ports[name as keyof typeof kinds]
          }\n  server s 127.0.0.1:${served.port} ${options}`
        )
      ].join("\n") + "\n"
    )
    await using _ = new Program(haproxy, ["-db", "-f", file], { cwd: product.folder })
    await until(5000, async () => (await ask({ port: ports.v2 })).status > 0)
    // another address of the loopback network, which is not the proxy's
    const from = (port: number) => ask({ port, path: "/who", localAddress: "127.0.0.9" })
    const [v2, v1, none] = [await from(ports.v2), await from(ports.v1), await from(ports.none)]
    const logged = await until(3000, () => served.count(/^127\.0\.0\.9 /) === 2)
    // two health checks each, at least
    await new Promise((resolve) => setTimeout(resolve, 4500))
    const stats = (await ask({ port: ports.stats, path: "/stats;csv" })).body.split("\n")
    const up = stats.filter((line) => /^v[12],s,/.test(line) && /,UP,/.test(line)).length
    return found(
      [`v2: ${v2.body}`, v2.body === "127.0.0.9"],
      [`v1: ${v1.body}`, v1.body === "127.0.0.9"],
      [`none: ${none.status}`, none.status === 502],
      ["logged", logged < 3000],
      [`${up} checks UP`, up === 2]
    )
  }
}

const schema: Readonly<Record<string, string>> = {
  tsgi: "string",
  node: "string",
  pid: "number",
  name: "string",
  state: "string",
  startedAt: "string",
  uptime: "number",
  generation: "number",
  app: "string",
  listeners: "object",
  configured: "number",
  ready: "number",
  lastReload: "object",
  restarts: "object",
  totals: "object",
  workers: "object"
}
const workerSchema = [
  "slot",
  "pid",
  "generation",
  "state",
  "startedAt",
  "readyIn",
  "lastBeat",
  "loopDelay",
  "connections",
  "requests",
  "rss",
  "heap",
  "handles"
]

/** The reasons why a reader would refuse a text. */
const malformed = (text: string): ReadonlyArray<string> => {
  try {
    parse(text)
    return []
  } catch (error) {
    return [String(error)]
  }
}

const A21: Check = {
  claim: "the control socket tells status, metrics and health; counters never fall over ten reloads and three kills",
  run: async ({ product }) => {
    const status = await freePort()
    await using served = await Served.start(product, `serve works.mjs -w 2 --status 127.0.0.1:${status} ${quiet}`)
    await served.get()
    const text = JSON.parse((await served.ctl("/status")).body) as Record<string, unknown>
    const [first = {}] = text.workers as ReadonlyArray<Record<string, unknown>>
    const missing = [
      ...Object.entries(schema).filter(([name, type]) => typeof text[name] !== type).map(([name]) => name),
      ...workerSchema.filter((name) => first[name] === undefined)
    ]
    const metrics = (await served.ctl("/metrics")).body
    const promtool = installed("promtool")
    const checked = promtool === undefined
      ? malformed(metrics)
      : (await product.run(
        "bash",
        "-c",
        `curl -s --unix-socket ${served.control} http://t/metrics | ${promtool} check metrics`
      )).stderr
    const codes = [
      (await served.ctl("/ready")).status,
      (await served.ctl("/live")).status,
      (await ask({ port: status, path: "/ready" })).status,
      (await ask({ port: status, path: "/reload", method: "POST" })).status
    ].join(" ")

    let over = false
    let fallen: string | undefined
    let looks = 0
    const watching = (async () => {
      let last: ReadonlyMap<string, number> = new Map()
      while (!over) {
        const now = counts(parse((await served.ctl("/metrics")).body))
        for (const [name, value] of last) {
          if ((now.get(name) ?? -1) < value) fallen ??= `${name} fell from ${value} to ${now.get(name)}`
        }
        last = now
        looks++
        // this request is lost if it is in a killed worker
        await served.get().catch(() => undefined)
      }
    })()
    const failed = await served.reload(10)
    for (let i = 0; i < 3; i++) {
      const [pid] = await served.pids()
      process.kill(pid, "SIGKILL")
      await until(10_000, async () => {
        const pids = await served.pids()
        return pids.length === 2 && !pids.includes(pid)
      })
    }
    over = true
    await watching
    const { restarts } = await served.status()
    return found(
      [missing.length === 0 ? "the whole schema" : `missing ${missing.join(", ")}`, missing.length === 0],
      [
        `${promtool === undefined ? "metrics read by the format's grammar" : "promtool"}: ${checked.length} complaints`,
        checked.length === 0
      ],
      [`/ready, /live, TCP /ready, POST there: ${codes}`, codes === "200 200 200 405"],
      [
        `${fallen ?? "no counter fell"} in ${looks} looks, ${10 - failed} reloads, ${restarts.crash} kills`,
        fallen === undefined && failed === 0 && restarts.crash === 3
      ]
    )
  }
}

const A23: Check = {
  claim: "TLS sessions are resumed by either worker; a reload shows the new certificate, and open connections live on",
  run: async ({ product }) => {
    const certify = async (name: string): Promise<void> => {
      const { cert, private: key } = await generate([{ name: "commonName", value: name }], { keyType: "ec" })
      product.write("tls.pem", cert)
      product.write("tls.key", key)
    }
    await certify("first")
    await using served = await Served.start(
      product,
      `serve works.mjs -w 2 --tls-cert tls.pem --tls-key tls.key ${quiet}`
    )
    const connect = (session?: Buffer): Promise<tls.TLSSocket> =>
      new Promise((resolve, reject) => {
        const socket = tls.connect(
          {
            port: served.port,
            host: "127.0.0.1",
            rejectUnauthorized: false,
            ...(session === undefined ? {} : { session })
          },
          () => resolve(socket)
        )
        socket.once("error", reject)
      })
    const asked = (socket: tls.TLSSocket, target = "/pid"): Promise<string> =>
      new Promise((resolve) => {
        let text = ""
        const take = (part: Buffer): void => {
          text += part.toString("latin1")
          if (!/\r\n\r\n./.test(text)) return
          socket.off("data", take)
          resolve(text)
        }
        socket.on("data", take)
        socket.once("close", () => resolve(text))
        socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`)
      })
    const one = await connect()
    const session = new Promise<Buffer>((resolve) => one.once("session", resolve))
    await asked(one)
    const given = await session
    let resumed = 0
    const pids = new Set<string>()
    for (let i = 0; i < 39; i++) {
      const socket = await connect(given)
      if (socket.isSessionReused()) resumed++
      pids.add((await asked(socket)).split("\r\n\r\n")[1])
      socket.destroy()
    }
    const slow = asked(one, "/slow?2500")
    await certify("second")
    const { code } = await served.verb("reload")
    const after = await connect()
    const name = after.getPeerCertificate().subject.CN
    after.destroy()
    const lived = (await slow).startsWith("HTTP/1.1 200")
    one.destroy()
    return found(
      [`${resumed} of 39 resumed, by ${pids.size} workers`, resumed === 39 && pids.size === 2],
      [`reload ${code}, then the certificate of ${String(name)}`, code === 0 && name === "second"],
      ["the open connection lived", lived]
    )
  }
}

export const around = { A18, A19, A21, A23 }
