/** A12: stopping. */
import type { App } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { echo, hello, withServer } from "../utils/serving.js"
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
    // the listening socket is closed first, and nobody gets in any more
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
    // the body is still on its way
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
