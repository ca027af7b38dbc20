/** The status page in a browser. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type App, listen, server } from "tsgi"
import { describe, expect, it } from "vitest"
import { render } from "../../src/cli/StatusPage.js"
import { installed, run } from "../utils/processes.js"
import { status } from "./statuses.js"

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

  // a page around the status page reports how wide that has become
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
