/** tsgi's HttpServer for @effect/platform. Mode `hook` adds a post hook to every request. */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import { Posthooks, TsgiHttpServer } from "tsgi/effect"
import { apps, plain, serveOn } from "./effectApps.js"
import { backlog, hello, host, mostConnections, type Serve } from "./work.js"

let hooks = 0
const hook = () =>
  Effect.sync(() => {
    hooks++
  })

const hooked = Effect.map(Posthooks.add(hook), () => HttpServerResponse.text(hello))

/** How many post hooks have run in this process. */
export const hooksRun = (): number => hooks

export const serve: Serve = (mode) =>
  serveOn(
    TsgiHttpServer.layer({ port: 0, host, backlog, limits: { connections: mostConnections } }),
    mode === "hook" ? hooked : mode === "plain" ? plain : apps[mode]
  )
