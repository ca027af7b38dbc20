/** The status of a server and of its workers. */
import type { Status, WorkerStatus } from "../../src/cli/Status.js"

export const worker = (slot: number, more: Partial<WorkerStatus> = {}): WorkerStatus => ({
  slot,
  pid: 4720 + slot,
  generation: 3,
  state: "ready",
  startedAt: "2026-11-28T22:30:00.000Z",
  readyIn: 412,
  lastBeat: 0.4,
  loopDelay: { p50: 0.3, p99: 4.1, max: 11 },
  connections: { idle: 12, active: 3, waiting: 1 },
  requests: 4711,
  requestsPerSecond: Array.from({ length: 60 }, (_, i) => 100 * slot + i),
  rss: 64_512_000,
  heap: 21_504_000,
  handles: 31,
  ...more
})

export const status = (more: Partial<Status> = {}): Status => ({
  tsgi: "0.2.0",
  node: "v24.21.0",
  pid: 4711,
  name: "shop",
  state: "serving",
  startedAt: "2026-11-28T21:24:10.000Z",
  uptime: 8123.4,
  generation: 3,
  app: "./app.ts",
  interface: "fetch",
  listeners: [{ address: "http://127.0.0.1:8090", from: "bind", backlog: 511 }],
  configured: 2,
  ready: 2,
  lastReload: null,
  reloads: { done: 2, refused: 1 },
  restarts: { crash: 1, hang: 0, requests: 4, age: 0, memory: 2, told: 0, boot: 0 },
  lastRestarts: [
    { at: "2026-11-28T22:15:40.000Z", slot: 1, reason: "memory", text: "worker 1 (4719) is replaced: 531 MiB" },
    { at: "2026-11-27T09:00:00.000Z", slot: 2, reason: "crash", text: "worker 2 (4718) was killed by SIGKILL" }
  ],
  totals: { requests: 918_273, refused: 12, aborted: 40, responseBytes: 81_723_918, rss: 132_120_576 },
  workers: [worker(1), worker(2)],
  events: [{ at: "2026-11-28T23:00:00.000Z", level: "info", event: "ready", text: "worker 1 (4721) ready in 412 ms" }],
  ...more
})
