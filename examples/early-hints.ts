/**
 * Interim responses before the final one: 102 while it is made, and 103 with files that the browser can fetch meanwhile.
 *
 *   npx tsx examples/early-hints.ts
 *   curl -i http://127.0.0.1:8090/
 *       HTTP/1.1 102 Processing
 *
 *       HTTP/1.1 103 Early Hints
 *       Link: </style.css>; rel=preload; as=style
 *
 *       HTTP/1.1 200 OK ... <!doctype html> ...
 *   curl -0 -i http://127.0.0.1:8090/
 *       HTTP/1.1 200 OK ...   alone: HTTP/1.0 has no interim responses
 */
import { setTimeout } from "node:timers/promises"
import { type App, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const app: App = async (env, startResponse) => {
  const link = ["Link", "</style.css>; rel=preload; as=style"] as const
  env["tsgi.interim"](102)
  env["tsgi.interim"](103, [link])
  // the work that takes longer than the hints
  await setTimeout(100)
  startResponse("200 OK", [["Content-Type", "text/html"], link])
  return "<!doctype html>\n<link rel=\"stylesheet\" href=\"/style.css\">\n<p>Hello</p>\n"
}

export default app

if (isMain(import.meta.url)) run(server(listen(port), app))
