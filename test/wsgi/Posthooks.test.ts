/** When post hooks run: eventlet's tests by their names, and the rows that none of them proves. */
import type { App, Environ, Outcome } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { get, head, post } from "../utils/requests.js"
import { hello, plain, withServer } from "../utils/serving.js"

it("test_029_posthooks", async () => {
  let multiplied = 0
  let divided = 0
  const multiply = (env: Environ, value: number, { multiplier = 1 }: { readonly multiplier?: number } = {}): void => {
    expect(env["local.test"]).toBe("kept")
    multiplied += value * multiplier
  }
  const divide = (env: Environ, value: number, { divisor = 1 }: { readonly divisor?: number } = {}): void => {
    expect(env["local.test"]).toBe("kept")
    divided += value / divisor
  }
  const app: App = (env, startResponse) => {
    env["local.test"] = "kept"
    const hooks = env["eventlet.posthooks"]
    if (env.PATH_INFO === "/one") hooks.push([multiply, [2], { multiplier: 3 }])
    else {
      hooks.push([multiply, [4], { multiplier: 5 }])
      hooks.push([divide, [100], { divisor: 4 }])
      hooks.push([divide, [1]])
    }
    startResponse("200 OK", plain)
    return [""].values()
  }
  await withServer(app, {}, async ({ ask, log }) => {
    expect((await ask(get("/one"))).status).toBe(200)
    await log.until(/GET \/one/)
    expect([multiplied, divided]).toEqual([6, 0])
    expect((await ask(get("/two"))).status).toBe(200)
    await log.until(/GET \/two/)
    expect([multiplied, divided]).toEqual([26, 26])
    expect(log.text).not.toContain("failed")
  })
})

it("row 123: hooks run before the next request of the connection is given to the application", async () => {
  const order: Array<string> = []
  const hookBegun = gate()
  const go = gate()
  const app: App = (env, startResponse) => {
    order.push(env.PATH_INFO)
    if (env.PATH_INFO === "/first") {
      env["eventlet.posthooks"].push([async () => {
        hookBegun.open()
        await go.opened
        order.push("hook")
      }])
    }
    return hello(env, startResponse)
  }
  await withServer(app, {}, async ({ ask, connect }) => {
    const client = await connect()
    client.send(get("/first") + get("/second"))
    expect((await client.response()).status).toBe(200)
    await hookBegun.opened
    await ask(get("/elsewhere"))
    expect(order).toEqual(["/first", "/elsewhere"])
    go.open()
    await client.response()
    expect(order).toEqual(["/first", "/elsewhere", "hook", "/second"])
  })
})

it("row 123: a detached hook does not hold the connection, but a stop waits for it", async () => {
  const go = gate()
  let ended = false
  const app: App = (env, startResponse) => {
    const hook = async (): Promise<void> => {
      await go.opened
      ended = true
    }
    if (env.PATH_INFO === "/first") env["eventlet.posthooks"].push([hook, [], undefined, { detached: true }])
    return hello(env, startResponse)
  }
  await withServer(app, {}, async ({ connect, log, running }) => {
    const client = await connect()
    client.send(get("/first") + get("/second"))
    expect((await client.response()).status).toBe(200)
    expect((await client.response()).status).toBe(200)
    const stopped = running.stop()
    await client.whenEnded()
    await log.until(/exiting/)
    expect(ended).toBe(false)
    go.open()
    await stopped
    expect(ended).toBe(true)
  })
})

describe("row 124: hooks run once, however the exchange ends:", () => {
  /** The outcomes that a hook was given for one request. */
  const outcomes = () => {
    const seen: Array<Outcome | undefined> = []
    const first = gate<Outcome | undefined>()
    const hook = (env: Environ): void => {
      seen.push(env["tsgi.outcome"])
      first.open(env["tsgi.outcome"])
    }
    const after = (app: App): App => (env, startResponse) => {
      env["eventlet.posthooks"].push([hook])
      return app(env, startResponse)
    }
    return { after, first: first.opened, seen }
  }

  it("an error", async () => {
    const { after, first, seen } = outcomes()
    const failure = new Error("failed")
    await withServer(
      after(() => {
        throw failure
      }),
      {},
      async ({ ask }) => {
        expect((await ask(get("/"))).status).toBe(500)
        expect(await first).toMatchObject({ _tag: "Failed", error: failure, status: 500 })
      }
    )
    expect(seen).toHaveLength(1)
  })

  it("a client that leaves within the answer", async () => {
    const { after, first, seen } = outcomes()
    const app: App = (_env, startResponse) => {
      startResponse("200 OK", plain)
      return (function*() {
        while (true) yield Buffer.alloc(65_536)
      })()
    }
    await withServer(after(app), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      await client.head()
      client.reset()
      const outcome = await first
      expect(outcome).toMatchObject({ _tag: "Aborted", reason: "ClientGone", status: 200 })
      expect(outcome?.bodyBytes).toBeGreaterThan(0)
    })
    expect(seen).toHaveLength(1)
  })

  it("a rest of the body that cannot be dropped", async () => {
    const { after, first, seen } = outcomes()
    await withServer(after(hello), {}, async ({ connect }) => {
      const client = await connect()
      client.send(head("PUT / HTTP/1.1", "Host: a", "Transfer-Encoding: chunked") + "nothing\r\n")
      expect((await client.response()).status).toBe(200)
      expect(await first).toMatchObject({ _tag: "Sent", bodyBytes: 11 })
      await client.whenEnded()
    })
    expect(seen).toHaveLength(1)
  })

  it("a connection that was taken over", async () => {
    const { after, first, seen } = outcomes()
    const app: App = (env) => {
      env["wsgi.input"].getSocket().end("bye")
      return ""
    }
    await withServer(after(app), {}, async ({ connect }) => {
      const client = await connect()
      client.send(get("/"))
      expect((await client.all()).toString()).toBe("bye")
      client.close()
      expect(await first).toMatchObject({ _tag: "Sent" })
    })
    expect(seen).toHaveLength(1)
  })

  it("a stop", async () => {
    const { after, first, seen } = outcomes()
    const reached = gate()
    const app: App = (env) =>
      new Promise((_, reject) => {
        env["tsgi.signal"].addEventListener("abort", () => reject(new Error("stopped")))
        reached.open()
      })
    await withServer(after(app), {}, async ({ connect, running }) => {
      const client = await connect()
      client.send(get("/"))
      await reached.opened
      await running.stop({ grace: 0 })
      expect(await first).toMatchObject({ _tag: "Aborted", reason: "Stopped" })
    })
    expect(seen).toHaveLength(1)
  })
})

it("row 125: a request that is refused has a line in the log, and no hook", async () => {
  let calls = 0
  const app: App = (env, startResponse) => {
    calls++
    return hello(env, startResponse)
  }
  await withServer(app, {}, async ({ ask, log }) => {
    expect((await ask(get("/", "Content-Length: x"))).status).toBe(400)
    expect(await log.until(/"GET \/ HTTP\/1\.1" 400 /)).toBeDefined()
    expect(calls).toBe(0)
  })
})

it("row 126: an application may replace the list of hooks", async () => {
  const ran: Array<string> = []
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push([() => ran.push("replaced")])
    env["eventlet.posthooks"] = [[() => ran.push("first")], [() => ran.push("second")]]
    return hello(env, startResponse)
  }
  await withServer(app, {}, async ({ ask, log }) => {
    await ask(get("/"))
    await log.until(/GET/)
    expect(ran).toEqual(["first", "second"])
  })
})

it("row 127: a hook that fails does not disturb the others, the log or the connection", async () => {
  const ran: Array<string> = []
  const app: App = (env, startResponse) => {
    env["eventlet.posthooks"].push(
      [() => {
        throw new Error("the first hook")
      }],
      [() => Promise.reject(new Error("the second hook"))]
    )
    env["eventlet.posthooks"].push([(_env, name: string) => ran.push(name), ["third"]])
    return hello(env, startResponse)
  }
  await withServer(app, {}, async ({ connect, log }) => {
    const client = await connect()
    for (let i = 1; i <= 2; i++) {
      client.send(get(`/${i}`))
      expect((await client.response()).status).toBe(200)
      await log.until(new RegExp(`"GET /${i} `))
      expect(ran).toHaveLength(i)
    }
    expect(await log.until(/the first hook/)).toBeDefined()
    expect(await log.until(/the second hook/)).toBeDefined()
  })
})

it("row 127: a hook that comes after the others have run is run at once", async () => {
  const late = gate()
  const done = gate()
  const app: App = (env, startResponse) => {
    void late.opened.then(() => env["eventlet.posthooks"].push([() => done.open()]))
    return hello(env, startResponse)
  }
  await withServer(app, {}, async ({ ask, log }) => {
    await ask(get("/"))
    await log.until(/GET/)
    late.open()
    await done.opened
  })
})

it("row 128: a body that fails to close does not keep the hooks from running", async () => {
  const ran = gate()
  const app: App = (env) => {
    env["eventlet.posthooks"].push([() => ran.open()])
    return {
      [Symbol.iterator]: () => ({
        next: () => ({ done: false, value: "no head was set" }),
        return: () => {
          throw new Error("cannot close")
        }
      })
    }
  }
  await withServer(app, {}, async ({ ask, log }) => {
    expect((await ask(get("/"))).status).toBe(500)
    await ran.opened
    expect(await log.until(/cannot close/)).toBeDefined()
    expect(await log.until(/"GET \/ HTTP\/1\.1" 500 /)).toBeDefined()
  })
})

it("row 129: a hook knows how the exchange ended", async () => {
  const told = gate<Outcome | undefined>()
  const app: App = async (env, startResponse) => {
    env["eventlet.posthooks"].push([(env) => told.open(env["tsgi.outcome"])])
    env["tsgi.interim"](103)
    startResponse("203 Fine", plain)
    return ["in ", "parts"].values()
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    await client.response()
    const outcome = await told.opened
    expect(outcome).toMatchObject({
      _tag: "Sent",
      status: 203,
      bodyBytes: 8,
      wireBytes: client.received,
      interimResponses: 1
    })
    if (outcome?.firstByteTime === undefined) throw new Error("no time")
    expect(outcome.startTime).toBeLessThanOrEqual(outcome.firstByteTime)
    expect(outcome.firstByteTime).toBeLessThanOrEqual(outcome.endTime)
  })
})

it("a hook that reads the body does not lose the request behind it", async () => {
  const read = gate<unknown>()
  const app: App = (env, startResponse) => {
    if (env.PATH_INFO === "/one") {
      env["eventlet.posthooks"].push([async (env) => {
        read.open(await env["wsgi.input"].read().catch((error: unknown) => error))
      }])
    }
    startResponse("200 OK", plain)
    return env.PATH_INFO
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(post("/one", "abc") + post("/two", ""))
    expect((await client.response()).body.toString()).toBe("/one")
    expect((await client.response()).body.toString()).toBe("/two")
    expect(await read.opened).toMatchObject({ reason: "Closed" })
  })
})
