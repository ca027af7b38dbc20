/**
 * A body that is not read has an end, at some doors and with RUNS at every one: the client is answered, the application
 * interrupted, and the hooks run once. server/Unread.test.ts has the family, with each framing and each way to be late.
 */
import { describe, expect, it } from "vitest"
import { named } from "../platform/scene.js"
import { turns } from "../utils/Journal.js"
import { head, post, postChunked, request } from "../utils/requests.js"
import { type Options, scoped, type Serve, someDoors } from "./everyDoor.js"
import { workUntilInterrupted } from "./scripts.js"

const late = [408, "Aborted ReadTimeout", "ClientGone"] as const

const stalled: Readonly<
  Record<string, readonly [request: string, ...end: readonly [status: number, outcome: string, exit: string]]>
> = {
  "a body of known length": [request("POST", "/", ["Content-Length: 10"], "abc"), ...late],
  "a body of HTTP/1.0": [`${head("POST / HTTP/1.0", "Content-Length: 10")}abc`, ...late],
  "a chunk extension": [postChunked("/", "1;a"), ...late],
  "trailers": [postChunked("/", "0\r\na: b\r\n"), ...late],
  "a body for which there is no room": [post("/", "a".repeat(1_000_000)), 503, "Failed", "Stopped"]
}

/** Serves an application that reads nothing and never answers. */
const serveWaiting = (serve: Serve, timeouts: Options["timeouts"]) =>
  serve((call) => {
    call.finalizer((exit) => call.note(`scope ${exit}`))
    call.hook((outcome) => call.note(`hook ${outcome === undefined ? "" : named(outcome)}`))
    return workUntilInterrupted(call)
  }, { sockets: true, timeouts: { grace: 0, ...timeouts } })

describe.each(someDoors)("%s", (door, serve) => {
  it.each(Object.entries(stalled))("%s", async (_, [request, status, outcome, exit]) => {
    await using served = await serveWaiting(serve, { request: 200 })
    const { client, journal, records, stop } = served
    client.send(request)
    const answer = await client.response()
    expect([answer.status, answer.get("connection")]).toEqual([status, "close"])
    await client.whenEnded()
    await records.first(1)
    await stop()
    expect(journal.entries).toEqual([
      "at work",
      "interrupted",
      ...scoped(door, exit),
      `hook ${outcome} ${status}`,
      `log ${status}`
    ])
  })

  it.each([0, Infinity])("timeouts.request: %d switches that off", async (request) => {
    await using served = await serveWaiting(serve, { request })
    const { client, journal, records, stop } = served
    client.send(stalled.trailers[0])
    await journal.first(1)
    // if it did not wait, it would be answered by now
    await turns(100)
    client.reset()
    await records.first(1)
    await stop()
    expect(journal.entries).toEqual([
      "at work",
      "interrupted",
      ...scoped(door, "ClientGone"),
      "hook Aborted ClientGone undefined",
      "log 499"
    ])
  })
})
