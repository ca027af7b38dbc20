/**
 * Several 100s in one request, each with the fields set at that moment; two bodies in one request; and an answer that
 * begins before the body is read.
 *
 *   npx tsx examples/continues.ts
 *   curl -i -H "Expect: 100-continue" -d "first part, second part" http://127.0.0.1:8090/
 *       HTTP/1.1 100 Continue
 *       Part: 1
 *
 *       HTTP/1.1 100 Continue
 *       Part: 2
 *
 *       HTTP/1.1 200 OK ... read "first part, " and "second part"
 *   The same with `-H "Transfer-Encoding: chunked"`.
 *   curl -i -H "Expect: 100-continue" -d "a body" http://127.0.0.1:8090/eager
 *       HTTP/1.1 200 OK ... answered first, then read "a body"
 *       (no 100: the answer has begun; curl sends the body once it has waited for a second)
 *
 * /phases takes a chunked body, and after a further 100 another one, as OpenStack Swift does. That is for peers that have
 * agreed on it, so it needs the option `multiPhaseBody`; curl cannot do it, `test/package/exampleCases.ts` shows the bytes.
 */
import { type App, listen, server } from "tsgi"
import { isMain, port, run } from "./serve.js"

const text: ReadonlyArray<[string, string]> = [["Content-Type", "text/plain"]]

const parts: App = async (env, startResponse) => {
  const input = env["wsgi.input"]
  input.setHundredContinueResponseHeaders([["Part", "1"]])
  input.sendHundredContinueResponse()
  const first = await input.read(12)
  input.setHundredContinueResponseHeaders([["Part", "2"]])
  input.sendHundredContinueResponse()
  const second = await input.read()
  startResponse("200 OK", text)
  return `read "${first.toString()}" and "${second.toString()}"\n`
}

const phases: App = async (env, startResponse) => {
  const input = env["wsgi.input"]
  input.setHundredContinueResponseHeaders([["Phase", "data"]])
  const data = await input.read()
  input.setHundredContinueResponseHeaders([["Phase", "metadata"], ["Received", String(data.length)]])
  input.sendHundredContinueResponse()
  const metadata = await input.read()
  startResponse("201 Created", text)
  return `data "${data.toString()}", metadata "${metadata.toString()}"\n`
}

const eager: App = async function(env, startResponse) {
  // parts of the answer leave as they come, not once there are 4096 bytes
  env["eventlet.minimum_write_chunk_size"] = 0
  const write = startResponse("200 OK", text)
  await write("answered first, ")
  const body = await env["wsgi.input"].read()
  return `then read "${body.toString()}"\n`
}

const apps: Record<string, App> = { "/": parts, "/phases": phases, "/eager": eager }

const app: App = (env, startResponse) => {
  const asked = apps[env.PATH_INFO]
  if (asked !== undefined) return asked(env, startResponse)
  startResponse("404 Not Found", text)
  return "Not Found\n"
}

export default app

if (isMain(import.meta.url)) run(server(listen(port), app, { multiPhaseBody: true }))
