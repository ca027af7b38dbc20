/** Bounds on what the peer of a WebSocket can make the server keep: on messages, and on pings whose answers it does not read. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as fs from "node:fs"
import * as Net from "node:net"
import { upgrade } from "../utils/requests.js"
import { dial, frame } from "../utils/webSockets.js"
import { type Handler, kinds, nothingSeen, type Seen, serve } from "./scene.js"

/** Answers each message with its length. */
const measuring = (seen: Seen): Handler =>
  Effect.gen(function*() {
    const request = yield* HttpServerRequest.HttpServerRequest
    const socket = yield* request.upgrade
    const write = yield* socket.writer
    yield* Effect.exit(socket.runRaw((message) => write(String(message.length))))
    seen.events.push("handler over")
    return HttpServerResponse.empty()
  }).pipe(Effect.scoped, Effect.orDie)

const listening = (seen: Seen) => Effect.map(serve(kinds.HttpApp(measuring(seen)), seen), ({ address }) => address)

it.scoped("a message of 16 MiB is one, a longer one closes with 1009", () =>
  Effect.gen(function*() {
    const address = yield* listening(nothingSeen())
    const { client, heard } = yield* Effect.promise(() => dial(address, { perMessageDeflate: false }))
    client.send(new Uint8Array(16_777_216))
    assert.deepStrictEqual(yield* Effect.promise(() => heard.first(1)), ["16777216"])
    client.send(new Uint8Array(16_777_217))
    assert.deepStrictEqual(yield* Effect.promise(() => heard.first(2)), ["16777216", "closed 1009"])
  }), 30_000)

it.scoped("a peer that pings for ever and reads nothing is dropped", () =>
  Effect.gen(function*() {
    const seen = nothingSeen()
    const address = yield* listening(seen)
    const client = Net.connect(address._tag === "Tcp" ? address.port : 0, "127.0.0.1")
    yield* Effect.addFinalizer(() => Effect.sync(() => client.destroy()))
    const gone = new Promise<void>((resolve) => client.once("close", () => resolve()))
    client.on("error", () => undefined)
    client.write(upgrade())
    // these are more than the kernels of both sides hold
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => frame(Buffer.alloc(125), 0x89)))
    let sent = 0
    const more = (): void => {
      while (sent < 64_000_000 && !client.destroyed) {
        sent += pings.length
        if (!client.write(pings)) {
          client.once("drain", more)
          return
        }
      }
    }
    more()
    yield* Effect.promise(() => Promise.race([gone, seen.events.find((event) => event === "handler over")]))
    assert.isBelow(sent, 64_000_000)
  }), 30_000)

it("the library is one that bounds both", () => {
  const [, minor] = /"ws": "\^8\.(\d+)\./.exec(fs.readFileSync("package.json", "utf8")) ?? []
  assert.isAtLeast(Number(minor), 23)
})
