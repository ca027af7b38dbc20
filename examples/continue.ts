/**
 * A 100 Continue with its own fields, and an upload that is refused before it is sent.
 *
 *   npx tsx examples/continue.ts
 *   curl -i -H "Expect: 100-continue" -d "hello" http://127.0.0.1:8090/
 *       HTTP/1.1 100 Continue
 *       Hundred-Continue-Header-1: H1
 *       Hundred-Continue-Header-K: Hk
 *
 *       HTTP/1.1 200 OK ... 5 bytes read
 *   curl -i -H "Expect: 100-continue" -d "hello" http://127.0.0.1:8090/refuse
 *       HTTP/1.1 417 Expectation Failed
 *       Connection: close ... refused
 *   head -c 100000000 /dev/zero | curl -i -H "Expect:" -T - http://127.0.0.1:8090/refuse
 *       HTTP/1.1 417 Expectation Failed ... refused
 *       (a client that is already uploading can still read the refusal)
 *
 * The first read of the body sends the 100, so an application that does not read does not ask for the body. If the client
 * still waits for the 100 then, the connection closes, because it is unknown whether the body will be sent.
 */
import { type App, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const app: App = async (env, startResponse) => {
  if (env.PATH_INFO === "/refuse") {
    startResponse("417 Expectation Failed", [["Content-Type", "text/plain"]])
    return "refused\n"
  }
  const input = env["wsgi.input"]
  input.setHundredContinueResponseHeaders([
    ["Hundred-Continue-Header-1", "H1"],
    ["Hundred-Continue-Header-k", "Hk"]
  ])
  const body = await input.read()
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return `${body.length} bytes read\n`
}

export default app

if (isMain(import.meta.url)) run(server(listen(port), app))
