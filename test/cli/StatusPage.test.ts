/** The status page: its text, and that no text from outside becomes markup. */
import { describe, expect, it } from "vitest"
import * as Sparkline from "../../src/cli/Sparkline.js"
import { render } from "../../src/cli/StatusPage.js"
import { status, worker } from "./statuses.js"

const hostile = `<script>alert(1)</script><img src=x onerror="alert(1)">'&`

/** The text that a reader sees, without markup and style. */
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
        // this event is of another day
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

  it("says why a reload was refused, and which worker is silent", () => {
    const text = textOf(render(status({
      ready: 1,
      lastReload: { at: "2026-11-28T23:00:00.000Z", took: 1641, result: "refused", error: "SyntaxError: app.ts:12" },
      workers: [worker(1), worker(2, { state: "hung", lastBeat: 12.3 })]
    })))
    expect(text).toContain("23:00:00 refused after 1.6 s, old workers stay SyntaxError: app.ts:12")
    expect(text).toContain("hung silent for 12 s")
  })

  it("says that there are no workers, no restarts and no events", () => {
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
