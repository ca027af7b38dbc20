/** The apps that the checks serve. */
import type { Product } from "./Product.js"

/** The README's hello, as a default export. */
const hello = `import type { App } from "tsgi"
const hello: App = (env, startResponse) => {
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return ["Hello, World!\\r\\n"]
}
export default hello
`

/** The same app with a server of its own, as `npm start` would run it. */
const alone = `import { listen, server } from "tsgi"
import hello from "./hello.ts"
server(listen(Number(process.env.PORT)), hello)
`

const works = `import { setTimeout } from "node:timers/promises"
const burn = (milliseconds) => {
  const end = performance.now() + milliseconds
  while (performance.now() < end);
}
const kept = []
export default async (env, startResponse) => {
  const amount = Number(env.QUERY_STRING)
  if (env.PATH_INFO === "/work") burn(amount)
  if (env.PATH_INFO === "/slow") {
    env["eventlet.posthooks"].push([() => console.log("hook: " + env["tsgi.outcome"]?._tag)])
    await setTimeout(amount)
  }
  if (env.PATH_INFO === "/crash") process.exit(1)
  if (env.PATH_INFO === "/leak") for (let i = 0; i < 100; i++) kept.push(Buffer.alloc(1024, 1))
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return env.PATH_INFO === "/who" ? env.REMOTE_ADDR : env.PATH_INFO === "/multi"
    ? String(env["wsgi.multiprocess"]) + " " + (process.env.GREETING ?? "none") : String(process.pid)
}
`

const names = {
  "hello.ts": hello,
  "alone.ts": alone,
  "works.mjs": works,
  "throws.mjs": `throw new Error("no luck")\n`,
  "crashes.mjs": `setTimeout(() => process.exit(1), 100)\nexport default () => "never"\nawait new Promise(() => {})\n`,
  "wsgi.mjs": `export default (env, start) => (start("200 OK", []), "wsgi")\n`,
  "fetch.mjs": `export default { fetch: async () => new Response("fetch") }\n`,
  "hono.mjs": `import { Hono } from "hono"\nexport default new Hono().get("/", (c) => c.text("hono"))\n`,
  "httpApp.mjs": `import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
export default HttpServerResponse.text("httpApp")
`,
  "layer.mjs": `import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
export default HttpServer.serve(HttpServerResponse.text("layer"))
`,
  "factory.mjs": `export const make = async () => (env, start) => (start("200 OK", []), "factory")\n`
}

export const writeApps = (product: Product): void => {
  for (const [name, text] of Object.entries(names)) product.write(name, text)
}

/** An app in one file, which a check changes. */
export const saying = (word: string): string =>
  `export default (env, start) => (start("200 OK", [["Content-Type", "text/plain"]]), ${JSON.stringify(word)})\n`
