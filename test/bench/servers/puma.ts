/** puma with as many workers as the mode says. A SIGHUP to this process is its own signal for a phased restart. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { foreign } from "./foreign.js"
import { freePort } from "./listening.js"
import { backlog, hello, host, idleSeconds, type Serve, textType } from "./work.js"

export const serve: Serve = async (mode) => {
  const folder = mkdtempSync(path.join(tmpdir(), "tsgi-bench-puma-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  writeFileSync(
    path.join(folder, "config.ru"),
    `run ->(env) { [200, { "Content-Type" => "${textType}", "Content-Length" => "${hello.length}" }, ["${hello}"]] }\n`
  )
  writeFileSync(
    path.join(folder, "puma.rb"),
    `directory "${folder}"\nworkers ${mode}\nthreads 4, 4\npersistent_timeout ${idleSeconds}
bind "tcp://${host}:${port}?backlog=${backlog}"\n`
  )
  const ready = Array.from({ length: Number(mode) }, (_, i) => new RegExp(`Worker ${i} .*booted`))
  const { stop } = await foreign("puma", ["-C", path.join(folder, "puma.rb")], {
    listening: new RegExp(`:(${port})\\b`),
    ready,
    reload: "SIGUSR1"
  })
  return { port, stop }
}
