/** The plain door for everyDoor.ts. */
import { type AccessRecord, type Environ, listen, server, type StartResponse, wrapTls, type Write } from "tsgi"
import { MemoryListener } from "tsgi/testing"
import { Journal } from "../utils/Journal.js"
import { connect, connectTls } from "../utils/sockets.js"
import { type Call, disposable, type Head, type Script, type Serve } from "./door.js"

const begin = (
  startResponse: StartResponse,
  { contentType = "text/plain", fields = [], length, status = 200 }: Head
): Write =>
  startResponse(String(status), [
    ...fields,
    ...(status === 204 || status === 304 ? [] : [["Content-Type", contentType] as const]),
    ...(length === undefined ? [] : [["Content-Length", String(length)] as const])
  ])

const answer = async (
  script: Script,
  env: Environ,
  startResponse: StartResponse,
  journal: Journal<string>
) => {
  let head: Head = {}
  let write: Write | undefined
  const begun = (): Write => write ??= begin(startResponse, head)
  const input = env["wsgi.input"]
  const call: Call = {
    note: (entry) => journal.push(entry),
    hook: (hook, options) =>
      env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => hook(outcome), [], undefined, options]),
    read: async () => (await input.read()).toString(),
    interim: (status, fields) => env["tsgi.interim"](status, fields),
    continueFields: (fields) => input.setHundredContinueResponseHeaders(fields),
    signal: env["tsgi.signal"],
    finalizer: () => undefined,
    head: (given) => {
      head = given
    },
    write: (part) => void begun()(part),
    takeOver: async () => {
      input.getSocket().end()
    },
    closeSocket: () => void input.getSocket().destroy()
  }
  const body = await script(call)
  if (input.socket === undefined) begun()
  return body
}

export const plain: Serve = async (
  script,
  { gathersNothing = false, halfClose, onlyHttp10 = false, parser, rates, sockets = false, timeouts, tls } = {}
) => {
  const journal = new Journal<string>()
  const records = new Journal<AccessRecord>()
  const lines: Array<string> = []
  const memory = MemoryListener.make()
  const listener = tls !== undefined ? wrapTls(listen(), tls) : sockets ? listen() : memory.listener
  const running = server(listener, (env, startResponse) => answer(script, env, startResponse, journal), {
    ...(gathersNothing ? { minimumChunkSize: 0 } : {}),
    halfClose,
    parser,
    rates,
    timeouts,
    maxHttpVersion: onlyHttp10 ? "HTTP/1.0" : "HTTP/1.1",
    log: (line) => {
      if (line !== "") lines.push(line)
    },
    logFormat: (record) => {
      records.push(record)
      journal.push(`log ${record.status}`)
      return ""
    }
  })
  const address = await running.ready
  return disposable({
    journal,
    records,
    lines,
    connect: async () => tls !== undefined ? connectTls(address) : sockets ? connect(address) : memory.connect(),
    stop: (options) => running.stop(options)
  })
}
