/** All scenes in which tsgi is compared with NodeHttpServer. */
import type { Scene } from "../differential.js"
import { httpApi, httpApiInLayerRouter, httpApiUnwrapped } from "./api.js"
import { bodies } from "./bodies.js"
import { middleware } from "./middleware.js"
import { responses } from "./responses.js"
import { httpLayerRouter, httpLayerRouterUnlogged, httpRouter } from "./routers.js"
import { rpc, webSockets } from "./sockets.js"
import { bounded, pipelines, streams } from "./streams.js"
import { tracing } from "./tracing.js"

export const scenes: ReadonlyArray<Scene> = [
  responses,
  bodies,
  streams,
  pipelines,
  bounded,
  httpRouter,
  httpLayerRouter,
  httpLayerRouterUnlogged,
  httpApi,
  httpApiUnwrapped,
  httpApiInLayerRouter,
  ...middleware,
  ...tracing,
  ...webSockets,
  ...rpc
]
