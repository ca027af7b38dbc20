/** `tsgi serve`, with as many workers as the mode says. */
import { createRequire } from "node:module"
import * as path from "node:path"
import { foreign } from "./foreign.js"
import { backlog, idleSeconds, type Serve } from "./work.js"

const cli = path.join(path.dirname(createRequire(import.meta.url).resolve("tsgi/package.json")), "dist/cli.js")

export const serve: Serve = (mode) =>
  foreign(process.execPath, [
    ...[cli, "serve", path.join(import.meta.dirname, "commandApp.js"), "--workers", mode, "--port", "0"],
    ...["--access-log", "none", "--control", "none", "--backlog", `${backlog}`, "--set", `keepalive=${idleSeconds}`]
  ], {
    listening: /listening on http:\/\/127\.0\.0\.1:(\d+)/,
    ready: [/\binfo {2}ready in/],
    reload: "SIGHUP"
  })
