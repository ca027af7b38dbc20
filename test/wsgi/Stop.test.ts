/** Stopping: eventlet's tests by their names, and the rows that none of them proves. */
import type { App } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head } from "../utils/requests.js"
import { echo, hello, plain, withServer } from "../utils/serving.js"
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

it("row 136: every way to stop ends in the same report", () =>
  withServer(hello, {}, async ({ running }) => {
    const reports = await Promise.all([running.stop(), running.stop({ grace: 0 }), running.closed])
    expect(reports[1]).toEqual(reports[0])
    expect(reports[2]).toEqual(reports[0])
    await running[Symbol.asyncDispose]()
  }))

it("row 137: a connection that never asked is idle, one within a head is not", () =>
  withServer(hello, {}, async ({ ask, connect, running }) => {
    const idle = await connect()
    const asking = await connect()
    asking.send("GET / HTTP/1.1\r\n")
    // the head's first line was read before this was answered
    await ask(get("/"))
    const stopped = running.stop()
    await idle.whenEnded()
    asking.send("Host: localhost\r\n\r\n")
    const response = await asking.response()
    expect([response.status, response.get("Connection")]).toEqual([200, "close"])
    asking.close()
    expect(await stopped).toMatchObject({ connections: 3, idle: 2, finished: 1 })
  }))

/** Waits until it is told to go, or is aborted. */
const patient = () => {
  const reached = gate()
  const go = gate()
  const aborted: Array<unknown> = []
  const app: App = (env, startResponse) =>
    new Promise((resolve, reject) => {
      const signal = env["tsgi.signal"]
      signal.addEventListener("abort", () => {
        aborted.push(signal.reason)
        reject(new Error("aborted"))
      })
      void go.opened.then(() => {
        startResponse("200 OK", plain)
        resolve("done")
      })
      reached.open()
    })
  return { aborted, app, go, reached: reached.opened }
}

it("row 138: an answer that is being made is finished", async () => {
  const { aborted, app, go, reached } = patient()
  await withServer(app, {}, async ({ connect, log, running }) => {
    const client = await connect()
    client.send(get("/"))
    await reached
    const stopped = running.stop()
    await log.until(/exiting/)
    go.open()
    expect((await client.response()).body.toString()).toBe("done")
    await client.whenEnded()
    client.close()
    expect(await stopped).toMatchObject({ connections: 1, finished: 1, interrupted: 0, cut: 0 })
    expect(aborted).toHaveLength(0)
  })
})

it("row 139: what does not end in time is told to, and the report says so", async () => {
  const { aborted, app, reached } = patient()
  await withServer(app, {}, async ({ connect, running }) => {
    const client = await connect()
    client.send(get("/"))
    await reached
    const report = await running.stop({ grace: 20 })
    expect(report).toMatchObject({ connections: 1, idle: 0, finished: 0, interrupted: 1, cut: 0 })
    expect(report.duration).toBeGreaterThanOrEqual(20)
    expect(aborted).toHaveLength(1)
    expect(await client.all()).toHaveLength(0)
  })
})

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

it("row 140: answers while the server stops say that they are the last", async () => {
  const { app, go, reached } = patient()
  await withServer(app, {}, async ({ connect, log, running }) => {
    const client = await connect()
    client.send(get("/"))
    await reached
    const stopped = running.stop()
    await log.until(/exiting/)
    go.open()
    expect((await client.response()).all("Connection")).toEqual(["close"])
    client.close()
    await stopped
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
