/** @effect/platform-node's own HttpServer, on node:http. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { createServer } from "node:http"
import { apps, serveOn } from "./effectApps.js"
import { backlog, host, idleSeconds, type Serve } from "./work.js"

export const serve: Serve = (mode) =>
  serveOn(
    NodeHttpServer.layer(() => createServer({ keepAliveTimeout: idleSeconds * 1000 }), { port: 0, host, backlog }),
    apps[mode]
  )
