/** nginx with as many workers as the mode says, which answers by itself: what a reload loses when nothing is behind it. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import * as path from "node:path"
import { foreign } from "./foreign.js"
import { freePort } from "./listening.js"
import { backlog, hello, host, idleSeconds, type Serve, textType } from "./work.js"

export const serve: Serve = async (mode) => {
  const folder = mkdtempSync(path.join(tmpdir(), "tsgi-bench-nginx-"))
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = path.join(folder, "nginx.conf")
  writeFileSync(
    file,
    `daemon off; worker_processes ${mode}; pid ${folder}/pid; error_log stderr notice;
events { worker_connections 8192; }
http {
  access_log off; keepalive_timeout ${idleSeconds}; keepalive_requests 1000000;
  client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server { listen ${host}:${port} backlog=${backlog}; default_type ${textType}; location / { return 200 "${hello}"; } }
}
`
  )
  // it says no port
  const { stop } = await foreign("nginx", ["-c", file], {
    listening: /start worker process (\d+)/,
    ready: [],
    reload: "SIGHUP"
  })
  return { port, stop }
}
