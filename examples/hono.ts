/**
 * A web-standard app, here one made with Hono: streaming bodies, a signal when the client leaves, post hooks.
 *
 *   npm install hono                                  in a project of your own
 *   npx tsx examples/hono.ts
 *   curl -i http://127.0.0.1:8090/hello/you           HTTP/1.1 200 OK ... Hello, you!
 *   curl -i --data-binary @README.md http://127.0.0.1:8090/upper    the file, in capitals, as it comes
 *
 * After each response a line tells how many bytes were sent.
 */
import { Hono } from "hono"
import { type Environ, fetchApp, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const app = new Hono<{ Bindings: Environ }>()

app.use(async (context, next) => {
  const env = context.env
  env["eventlet.posthooks"].push([(after) => {
    console.log(`${after.REQUEST_METHOD} ${after.PATH_INFO}: ${after["tsgi.outcome"]?.bodyBytes} bytes sent`)
  }])
  await next()
})

app.get("/hello/:name", (context) => context.text(`Hello, ${context.req.param("name")}!\n`))

app.post("/upper", (context) => {
  const upper = new TransformStream<Uint8Array, Uint8Array>({
    transform: (bytes, controller) => controller.enqueue(bytes.map((b) => b >= 97 && b <= 122 ? b - 32 : b))
  })
  const body = context.req.raw.body
  return body === null ? context.body(null) : new Response(body.pipeThrough(upper))
})

export default app

if (isMain(import.meta.url)) run(server(listen(port), fetchApp(app.fetch)))
