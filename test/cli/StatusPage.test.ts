/** The status page: what it says, that nothing from outside is markup in it, and how a browser shows it. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type App, listen, server } from "tsgi"
import { describe, expect, it } from "vitest"
import * as Sparkline from "../../src/cli/Sparkline.js"
import type { Status, WorkerStatus } from "../../src/cli/Status.js"
import { render } from "../../src/cli/StatusPage.js"
import { installed, run } from "../utils/processes.js"

const hostile = `<script>alert(1)</script><img src=x onerror="alert(1)">'&`

const worker = (slot: number, more: Partial<WorkerStatus> = {}): WorkerStatus => ({
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

const status = (more: Partial<Status> = {}): Status => ({
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

/** What is left for a reader: neither markup nor style. */
const textOf = (html: string): string =>
  html.replace(/<style>[^]*<\/style>/, "").replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ")

describe("the page", () => {
  it("says how the server is", () => {
    const text = textOf(render(status()))
    for (
      const part of [
        "shop serving",
        "2 of 2 workers ready , up 2 h, generation 3",
        "./app.ts (fetch) on http://127.0.0.1:8090",
        "Requests a second 418",
        "Requests 918,273",
        "crash 1, requests 4, memory 2. Reloads: 2 done, 1 refused.",
        "22:15:40 memory worker 1 (4719) is replaced: 531 MiB",
        // another day's
        "2026-11-27 09:00:00 crash worker 2 (4718) was killed by SIGKILL",
        "23:00:00 worker 1 (4721) ready in 412 ms",
        "As of 2026-11-28 23:39:33 UTC"
      ]
    ) {
      expect(text).toContain(part)
    }
    // the first worker's row: slot, state, pid, generation, age, requests, a second, at work, idle, delay, memory
    expect(text).toContain("1 ready 4721 3 70 min 4,711 159 3 12 4.1 ms up to 11 62 MiB heap 21 MiB")
  })

  it("says why a reload was refused, and who is silent", () => {
    const text = textOf(render(status({
      ready: 1,
      lastReload: { at: "2026-11-28T23:00:00.000Z", took: 1641, result: "refused", error: "SyntaxError: app.ts:12" },
      workers: [worker(1), worker(2, { state: "hung", lastBeat: 12.3 })]
    })))
    expect(text).toContain("23:00:00 refused after 1.6 s, the old workers stay SyntaxError: app.ts:12")
    expect(text).toContain("hung silent for 12 s")
  })

  it("says that nobody is there, nothing was replaced, nothing has happened", () => {
    const restarts = { crash: 0, hang: 0, requests: 0, age: 0, memory: 0, told: 0, boot: 0 }
    const html = render(status({ ready: 0, workers: [], events: [], restarts, lastRestarts: [] }))
    const text = textOf(html)
    for (const part of ["None has a process now.", "None, but by reloads.", "Nothing yet.", "Requests a second 0"]) {
      expect(text).toContain(part)
    }
    expect(html).toContain(`<header class="bad">`)
  })

  it("has no script, loads nothing, and asks again by itself", () => {
    const html = render(status())
    expect(html).not.toMatch(/<script|\bon\w+=|src=|url\(|@import/)
    expect(html).toContain(`<meta http-equiv="refresh" content="2">`)
  })

  it("shows what comes from outside as text", () => {
    const html = render(status({
      name: hostile,
      app: hostile,
      tsgi: hostile,
      node: hostile,
      listeners: [{ address: hostile, from: "bind", backlog: 511 }],
      lastReload: { at: hostile, took: 1, result: "refused", error: hostile },
      lastRestarts: [{ at: hostile, slot: 1, reason: "crash", text: hostile }],
      events: [{ at: hostile, level: "error", event: hostile, text: hostile }]
    }))
    expect(html).not.toContain("<script")
    expect(html).not.toContain("<img")
    expect(html.match(/&#60;script&#62;/g)?.length).toBeGreaterThanOrEqual(7)
  })
})

describe("a line of figures", () => {
  it("has its newest figure on the right, and the greatest at the top", () => {
    expect(Sparkline.render([0, 5, 10], 10, "figures")).toContain(`<polyline points="57,15.5 58,8 59,0.5"/>`)
  })

  it("has room for sixty", () => {
    const line = Sparkline.render(Array.from({ length: 90 }, (_, i) => i), 90, "figures")
    expect(/points="(.*?)"/.exec(line)?.[1].split(" ").length).toBe(60)
  })

  it.each([[[]], [[3]]])("is none of %j", (figures) => {
    expect(Sparkline.render(figures, 1, "figures")).not.toContain("polyline")
  })

  it("adds the newest to the newest", () => {
    expect(Sparkline.sum([[1, 2, 3], [10], []])).toEqual([1, 2, 13])
    expect(Sparkline.sum([])).toEqual([])
  })
})

const browser = installed("chromium", "chromium-browser", "google-chrome")

describe.skipIf(browser === undefined)("a browser (skipped where there is no Chromium)", { timeout: 60_000 }, () => {
  const look = async (...args: ReadonlyArray<string>): Promise<string> => {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-browser-"))
    const { stdout } = await run(browser ?? "", [
      ...["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", `--user-data-dir=${profile}`],
      ...args
    ], { cwd: profile })
    fs.rmSync(profile, { recursive: true, force: true })
    return stdout.join("\n")
  }

  // a page around it that says how wide the other has become
  const app: App = (env, startResponse) => {
    startResponse("200 OK", [["Content-Type", "text/html; charset=utf-8"]])
    return env.PATH_INFO === "/status" ? render(status({ name: "a".repeat(80) })) : `<!doctype html>
      ${
      [1200, 800, 390, 320].map((width) => `<iframe src="/status" style="border:0;width:${width}px"></iframe>`).join("")
    }
      <pre></pre><script>onload = () => {
        const wide = [...document.querySelectorAll("iframe")].map((frame) =>
          frame.clientWidth - frame.contentDocument.documentElement.scrollWidth)
        document.querySelector("pre").textContent = "room " + wide.join(" ")
      }</script>`
  }

  it("shows all of it in its width, on a desk and on a phone", async () => {
    const running = server(listen(), app, { logOutput: false })
    const address = await running.ready
    const port = address._tag === "Tcp" ? address.port : 0
    try {
      const shown = await look("--virtual-time-budget=1500", "--dump-dom", `http://127.0.0.1:${port}/`)
      expect(/room .*?(?=<)/.exec(shown)?.[0]).toBe("room 0 0 0 0")
    } finally {
      await running.stop({ grace: 0 })
    }
  })

  it("draws it, light and dark", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-page-"))
    try {
      const page = path.join(folder, "page.html")
      fs.writeFileSync(page, render(status()))
      const pictures = await Promise.all([2, 1].map(async (scheme) => {
        const file = path.join(folder, `${scheme}.png`)
        await look(`--blink-settings=preferredColorScheme=${scheme - 1}`, `--screenshot=${file}`, `file://${page}`)
        return fs.readFileSync(file)
      }))
      for (const picture of pictures) expect(picture.length).toBeGreaterThan(10_000)
      expect(pictures[0].equals(pictures[1])).toBe(false)
    } finally {
      fs.rmSync(folder, { recursive: true, force: true })
    }
  })
})
