/** The log: the rows about it that no name of eventlet's proves. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { AccessRecord, App } from "tsgi"
import { expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { expectReleased, holdings } from "../utils/holdings.js"
import { get, head } from "../utils/requests.js"
import { hello, plain, withServer } from "../utils/serving.js"

it("row 130: the default line is eventlet's", () =>
  withServer(hello, {}, async ({ ask, log }) => {
    await ask(get("/a?b"))
    expect(await log.until(/GET/)).toMatch(
      /^127\.0\.0\.1 - - \[\d\d\/\w{3}\/\d{4} \d\d:\d\d:\d\d\] "GET \/a\?b HTTP\/1\.1" 200 11 \d+\.\d{6}$/
    )
  }))

it("row 131: bytes of the body and bytes on the wire are two numbers", () => {
  const app: App = (_env, startResponse) => {
    startResponse("200 OK", plain)
    return ["a".repeat(5000), "b"].values()
  }
  return withServer(app, { logFormat: "%(body_length)s %(wire_bytes)s" }, async ({ connect, log }) => {
    const client = await connect()
    client.send(get("/"))
    await client.response()
    expect(await log.until(/^\d+ /)).toBe(`5001 ${client.received}`)
  })
})

it("row 132: the time is that of the exchange, without its hooks", async () => {
  let ended: number | undefined
  const records: Array<AccessRecord> = []
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push([async (env) => {
      ended = env["tsgi.outcome"]?.endTime
      await new Promise((resolve) => setImmediate(resolve))
    }])
    return hello(env, startResponse)
  }
  const logFormat = (record: AccessRecord): string => {
    records.push(record)
    return "line"
  }
  await withServer(app, { logFormat }, async ({ ask, log }) => {
    const before = Date.now() - 1000
    await ask(get("/"))
    await log.until(/line/)
    const [{ endTime, startTime }] = records
    expect(endTime).toBe(ended)
    expect(endTime).toBeGreaterThanOrEqual(startTime)
    expect(startTime).toBeGreaterThan(before)
    expect(endTime).toBeLessThan(Date.now() + 1000)
  })
})

it("row 133: there is one line for every request, refused ones too, behind its hooks", async () => {
  const order: Array<string> = []
  const go = gate()
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push([async () => {
      await go.opened
      order.push("hook")
    }])
    return hello(env, startResponse)
  }
  const logFormat = ({ refused, requestLine, status }: AccessRecord): string => {
    order.push(`${requestLine} ${status} ${refused?.reason ?? ""}`)
    return "line"
  }
  await withServer(app, { logFormat }, async ({ ask, connect, log }) => {
    const client = await connect()
    client.send(get("/"))
    expect((await client.response()).status).toBe(200)
    expect(order).toEqual([])
    go.open()
    await log.until(/line/)
    await ask(head("GET /no-host HTTP/1.1"))
    expect(order).toEqual(["hook", "GET / HTTP/1.1 200 ", "GET /no-host HTTP/1.1 400 MissingHost"])
  })
})

it("row 133: what a client chose cannot begin a line of its own", () =>
  withServer(hello, { trustedProxies: ["127.0.0.1"] }, async ({ ask, log }) => {
    await ask(get("/\"quoted", "X-Forwarded-For: 1.1.1.1\" \xe9\tx"))
    expect(await log.until(/GET/)).toMatch(
      /^1\.1\.1\.1\\"\\xe9\\x09x,127\.0\.0\.1 - - \[.*\] "GET \/\\"quoted HTTP\/1\.1" /
    )
  }))

it("row 134: a failure is logged with its stack and its cause", () => {
  const app: App = () => {
    throw new Error("the consequence", { cause: new Error("the cause") })
  }
  return withServer(app, {}, async ({ ask, log }) => {
    await ask(get("/"))
    const line = await log.until(/the application failed/)
    expect(line).toMatch(/the consequence\n\s+at /)
    expect(line).toContain("the cause")
  })
})

it("row 135: beginning and end are logged", () =>
  withServer(hello, {}, async ({ log, running }) => {
    await running.stop()
    const [first, ...rest] = log.lines
    expect(first).toMatch(/^\(\d+\) .*starting up on http:\/\/127\.0\.0\.1:\d+$/)
    expect(rest[0]).toMatch(/^\(\d+\) .*exiting$/)
    expect(rest[1]).toMatch(/^\(\d+\) .*exited, 0 connections/)
    expect(rest).toHaveLength(2)
  }))

it("the end counts one connection as one", () =>
  withServer(hello, {}, async ({ connect, log, running }) => {
    const client = await connect()
    client.send(get("/"))
    await client.response()
    await running.stop()
    await log.until(/exited, 1 connection: /)
  }))

it("the end counts hooks that were given up", () => {
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push([() => new Promise(() => undefined)])
    return hello(env, startResponse)
  }
  return withServer(app, { timeouts: { grace: 0, interrupt: 0, hooks: 20 } }, async ({ ask, log, running }) => {
    await ask(get())
    await running.stop()
    await log.until(/exited, 1 connection: .*, 1 hook given up/)
  })
})

it("a log that throws takes no request with it", () => {
  const log = (): never => {
    throw new Error("the disk is full")
  }
  const logFormat = (): never => {
    throw new Error("no format")
  }
  return withServer(hello, { log, logFormat }, async ({ connect }) => {
    const client = await connect()
    for (let i = 0; i < 2; i++) {
      client.send(get("/"))
      expect((await client.response()).body.toString()).toBe("hello world")
    }
  })
})

it("a log in a file is written out and closed when the stop has ended", async () => {
  const before = holdings()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  const log = path.join(folder, "access.log")
  await withServer(hello, { log, logFormat: "%(request_line)s %(outcome)s %(body_bytes)d" }, async (served) => {
    await served.ask(get("/"))
    await served.running.stop()
    expect(fs.readFileSync(log, "utf8")).toContain("\nGET / HTTP/1.1 Sent 11\n")
  })
  await expectReleased(before)
  fs.rmSync(folder, { recursive: true })
})
