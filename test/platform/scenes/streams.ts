/** Bodies in parts that end well, badly, or never; connections that carry several requests. */
import * as HttpRouter from "@effect/platform/HttpRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import { setTimeout } from "node:timers/promises"
import { postChunked } from "../../utils/requests.js"
import { type Observation, readAnswer } from "../answers.js"
import type { Scene } from "../differential.js"
import { get, head, type Peer, request, requestBytes, talk } from "../exchanges.js"

const bytes = (text: string) => new TextEncoder().encode(text)
const stream = HttpServerResponse.stream
const failing = Stream.fail(new Error("why"))

const events = Stream.make("data: 1\n\n", "data: 2\n\n").pipe(Stream.concat(Stream.never), Stream.encodeText)

const router = HttpRouter.empty.pipe(
  HttpRouter.get(
    "/events",
    stream(events, { contentType: "text/event-stream", headers: { "cache-control": "no-store" } })
  ),
  HttpRouter.get("/fails-at-once", stream(failing)),
  HttpRouter.get("/fails-behind", stream(Stream.concat(Stream.make(bytes("before")), failing))),
  HttpRouter.get("/dies-behind", stream(Stream.concat(Stream.make(bytes("before")), Stream.die(new Error("dead"))))),
  HttpRouter.get("/too-short", stream(Stream.make(bytes("short")), { contentLength: 10 })),
  HttpRouter.get(
    "/fails-within-length",
    stream(Stream.concat(Stream.make(bytes("before")), failing), { contentLength: 10 })
  ),
  HttpRouter.get(
    "/readable-fails",
    Effect.sync(() =>
      HttpServerResponse.raw(Readable.from((function*() {
        yield bytes("before")
        throw new Error("why")
      })()))
    )
  ),
  HttpRouter.get(
    "/finalized",
    stream(Stream.ensuring(Stream.make(bytes("a")), Effect.log("the stream is released")))
  ),
  HttpRouter.post("/echo", Effect.map(HttpServerRequest.HttpServerRequest, (request) => stream(request.stream))),
  HttpRouter.get("/text", HttpServerResponse.text("text"))
)

/** Reads as much as has arrived, and leaves. */
const leaves = (path: string, last: string) => async (peer: Peer): Promise<Observation> => {
  await using client = await peer.connect()
  client.send(requestBytes("GET", path, {}))
  const came = await client.until(last)
  client.close()
  return { status: came.toString("latin1").slice(9, 12), end: "left", body: "" }
}

/** Sends all at once, and reads as many answers. */
const pipelined = (...requests: ReadonlyArray<string>) => async (peer: Peer): Promise<Observation> => {
  await using client = await peer.connect()
  client.send(Buffer.concat(requests.map((path) => requestBytes("GET", path, {}))))
  const seen: Record<string, string> = {}
  for (const [i] of requests.entries()) {
    const { body, status } = await readAnswer(client, "GET")
    seen[`answer ${i}`] = `${status} ${body}`
  }
  return seen
}

/** Sends each part when the one before has come back. */
const inTurn = async (peer: Peer): Promise<Observation> => {
  await using client = await peer.connect()
  client.send(postChunked("/echo", "3\r\none\r\n"))
  await client.until("one\r\n")
  client.send("3\r\ntwo\r\n")
  await client.until("two\r\n")
  client.send("0\r\n\r\n")
  return { body: (await client.until("0\r\n\r\n")).toString("latin1"), end: "complete" }
}

export const streams: Scene = {
  name: "streams",
  app: HttpServer.serve(router),
  exchanges: [
    talk("events until the client leaves", leaves("/events", "data: 2\n\n"), "leavingIsTold"),
    head("/events"),
    get("/fails-at-once", { decisions: ["cutNotEnded"] }),
    get("/fails-behind", { decisions: ["cutNotEnded"] }),
    get("/dies-behind", { decisions: ["cutNotEnded"] }),
    get("/fails-at-once", { version: "1.0", decisions: ["cutNotEnded"], title: "/fails-at-once HTTP/1.0" }),
    get("/too-short", { decisions: ["cutNotEnded"], unanswered: true }),
    get("/fails-within-length", { decisions: ["cutNotEnded"], unanswered: true }),
    get("/readable-fails", { decisions: ["cutNotEnded"] }),
    get("/finalized"),
    head("/finalized"),
    request("POST", "/echo", { chunks: ["a", "b"] }),
    talk("an echo in turn", inTurn),
    talk("one behind the other", async (peer) => {
      await using client = await peer.connect()
      client.send(requestBytes("GET", "/text", {}))
      const first = await readAnswer(client, "GET")
      client.send(requestBytes("GET", "/finalized", {}))
      return { ...first, ...await readAnswer(client, "GET") }
    })
  ]
}

export const pipelines: Scene = {
  name: "pipelined requests",
  app: HttpServer.serve(HttpRouter.get(HttpRouter.empty, "/text", HttpServerResponse.text("text"))),
  exchanges: [talk("one", pipelined("/text")), talk("four", pipelined("/text", "/text", "/text", "/text"))]
}

/** A request, while two other connections are open. */
const besideTwo = async (peer: Peer): Promise<Observation> => {
  await using one = await peer.connect()
  await using two = await peer.connect()
  await using client = await peer.connect()
  for (const busy of [one, two]) busy.send("GET /text HTTP/1.1\r\n")
  client.send(requestBytes("GET", "/text", {}))
  const answer = readAnswer(client, "GET")
  // that it waits is no event; so time decides, but only where that is expected
  const meanwhile = await Promise.race([
    answer.then(() => "is answered"),
    ...peer.hasLimit ? [setTimeout(500, "waits")] : []
  ])
  one.close()
  two.close()
  return { ...await answer, meanwhile }
}

export const bounded: Scene = {
  name: "a bound of connections",
  app: pipelines.app,
  options: { limits: { connections: 2 } },
  exchanges: [talk("one beside two", besideTwo, "connectionsAreBounded")]
}
