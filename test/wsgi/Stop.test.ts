/**
 * Stops: eventlet's tests by their names, and what only the plain door has: reports, signals, connections that were taken over.
 * doors/Stop.test.ts has the other rows.
 */
import type { App } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { echo, hello, type NotingApp, withServer } from "../utils/serving.js"
import { connect as connectTo } from "../utils/sockets.js"

it("test_close_idle_connections", () =>
  withServer(hello, {}, async ({ connect, running }) => {
    const client = await connect()
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
    const report = await running.stop()
    expect(report).toMatchObject({ connections: 1, idle: 1, finished: 0, interrupted: 0, cut: 0 })
    expect(await client.all()).toHaveLength(0)
  }))

it("test_close_idle_connections_listen_socket_closed", () =>
  withServer(hello, {}, async ({ address, connect, running }) => {
    const client = await connect()
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
    // the listening socket is closed first, so no client can connect any more
    const stopped = running.stop()
    await client.whenEnded()
    await expect(connectTo(address)).rejects.toMatchObject({ code: "ECONNREFUSED" })
    expect(await running.closed).toEqual(await stopped)
  }))

it("test_do_not_close_non_idle_connections", () => {
  const reached = gate()
  const app: App = (env, startResponse) => {
    reached.open()
    return echo(env, startResponse)
  }
  return withServer(app, {}, async ({ connect, running }) => {
    const client = await connect()
    const idle = await connect()
    client.send(head("PUT / HTTP/1.1", "Host: localhost", "Content-Length: 10") + "first")
    await reached.opened
    const stopped = running.stop()
    await idle.whenEnded()
    // the body is still being sent
    expect(client.ended).toBe(false)
    client.send("later")
    const response = await client.response()
    expect(response.status).toBe(200)
    expect(response.body.toString()).toBe("firstlater")
    await client.whenEnded()
    client.close()
    expect(await stopped).toMatchObject({ connections: 2, idle: 1, finished: 1, interrupted: 0, cut: 0 })
  })
})

it("row 136: every way to stop ends in the same report", () =>
  withServer(hello, {}, async ({ running }) => {
    const reports = await Promise.all([running.stop(), running.stop({ grace: 0 }), running.closed])
    expect(reports[1]).toEqual(reports[0])
    expect(reports[2]).toEqual(reports[0])
    await running[Symbol.asyncDispose]()
  }))

it("row 139: what does not listen does not keep the server from stopping", async () => {
  const reached = gate()
  const app: App = () => {
    reached.open()
    return new Promise(() => undefined)
  }
  await withServer(app, { timeouts: { interrupt: 20 } }, async ({ connect, running }) => {
    const client = await connect()
    client.send(get("/"))
    await reached.opened
    expect(await running.stop({ grace: 0 })).toMatchObject({ connections: 1, finished: 0, interrupted: 1 })
    await client.whenEnded()
  })
})

it("row 141: a connection that was taken over and is idle is closed like an idle one", async () => {
  const app: App = (env) => {
    const socket = env["wsgi.input"].getSocket()
    if (env.PATH_INFO === "/idle") env["eventlet.set_idle"]()
    socket.write("yours")
    socket.on("data", () => socket.end("done"))
    return ""
  }
  await withServer(app, {}, async ({ connect, running }) => {
    const idle = await connect()
    idle.send(get("/idle"))
    await idle.bytes(5)
    const busy = await connect()
    busy.send(get("/busy"))
    await busy.bytes(5)
    const stopped = running.stop()
    await idle.whenEnded()
    expect(busy.ended).toBe(false)
    busy.send("go")
    expect((await busy.all()).toString()).toBe("done")
    busy.close()
    expect(await stopped).toMatchObject({ connections: 2, idle: 1, finished: 1, interrupted: 0 })
  })
})

/** The stop never waits for this grace time. */
const timeouts = { grace: 60_000, farewell: 50 }

it("an event stream is told by the signal, and what it yields then is not sent", async () => {
  const app: App = async function*(env, startResponse) {
    startResponse("200 OK", [["content-type", "text/event-stream; charset=utf-8"]])
    yield "first"
    await new Promise<void>((resolve) => env["tsgi.signal"].addEventListener("abort", () => resolve()))
    yield "last"
  }
  await withServer(app, { timeouts }, async ({ connect, running }) => {
    const client = await connect()
    client.send(get())
    await client.until("first")
    const stopped = running.stop()
    expect((await client.all()).toString()).not.toContain("last")
    client.close()
    expect(await stopped).toMatchObject({ connections: 1, interrupted: 0, finished: 1 })
  })
})

it.each([1, 100_000])(
  "an application that took a connection over is told once by a signal it reads %i times",
  async (reads) => {
    const app: NotingApp = (env, _, journal) => {
      const socket = env["wsgi.input"].getSocket()
      for (let i = 1; i < reads; i++) env["tsgi.signal"].throwIfAborted()
      env["tsgi.signal"].addEventListener("abort", () => {
        journal.push("told")
        socket.end("bye")
      })
      socket.write("hello")
      return ""
    }
    await withServer(app, { timeouts }, async ({ connect, journal, running }) => {
      const client = await connect()
      client.send(get())
      await client.until("hello")
      const stopped = running.stop()
      await client.until("bye")
      client.close()
      expect(await stopped).toMatchObject({ connections: 1, interrupted: 0 })
      expect(journal.entries).toEqual(["told"])
    })
  }
)
