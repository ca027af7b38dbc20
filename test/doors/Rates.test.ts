/** A least rate that is switched off asks for none, at both doors; one that is not is kept. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import { listen, server } from "tsgi"
import type { TsgiHttpServer } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import { startListening } from "../server/lastBound.js"
import { connect } from "../utils/sockets.js"

type Options = Pick<TsgiHttpServer.Options, "rates">

// more than the kernels of both sides hold
const large = Buffer.alloc(30_000_000, "x")

const doors = {
  facade: async (options: Options) => {
    const running = server(listen({ host: "127.0.0.1", port: 0 }), async (env, startResponse) => {
      const { length } = await env["wsgi.input"].read()
      startResponse("200 OK", [])
      return env.REQUEST_METHOD === "POST" ? String(length) : large
    }, { logOutput: false, timeouts: { grace: 0 }, ...options })
    const address = await running.ready
    return { port: address._tag === "Tcp" ? address.port : 0, stop: () => running.stop() }
  },
  effect: ({ rates }: Options) =>
    startListening(
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        request.method === "POST"
          ? Effect.map(request.arrayBuffer, ({ byteLength }) => HttpServerResponse.text(String(byteLength)))
          : Effect.succeed(HttpServerResponse.uint8Array(large))).pipe(Effect.orDie),
      { grace: 0 },
      undefined,
      { rates }
    )
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 200))

describe.each(Object.entries(doors))("at the door %s", (_, serve) => {
  it.each([[0, 200], [1_000_000, 408]])("rates.body: %d", async (body, status) => {
    const { port, stop } = await serve({ rates: { body, window: 40 } })
    await using client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
    // five windows, in which what is switched off does nothing
    if (status === 200) {
      await pause()
      client.send("b")
    }
    expect((await client.response()).status).toBe(status)
    client.close()
    await stop()
  })

  it.each([[0, true], [1_000_000_000, false]])("rates.download: %d", async (download, isWhole) => {
    const { port, stop } = await serve({ rates: { download, window: 40 } })
    await using client = await connect({ _tag: "Tcp", host: "127.0.0.1", port })
    client.pause()
    client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    await pause()
    client.resume()
    await client.whenEnded()
    expect(client.received > large.length).toBe(isWhole)
    await stop()
  })
})
