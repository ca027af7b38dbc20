/** Post hooks in the form of eventlet: entries of a list in the environ. doors/Hooks.test.ts says when they run. */
import * as Effect from "effect/Effect"
import type { App, Environ, Outcome, PostHookEntry } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { turns } from "../utils/Journal.js"
import { get, post } from "../utils/requests.js"
import { plain, withServer } from "../utils/serving.js"

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

it("row 124: hooks run once where the connection was taken over", async () => {
  const seen: Array<Outcome | undefined> = []
  const first = gate()
  const app: App = (env) => {
    env["eventlet.posthooks"].push([(env) => {
      seen.push(env["tsgi.outcome"])
      first.open()
    }])
    env["wsgi.input"].getSocket().end("bye")
    return ""
  }
  await withServer(app, {}, async ({ connect }) => {
    const client = await connect()
    client.send(get("/"))
    expect((await client.all()).toString()).toBe("bye")
    client.close()
    await first.opened
  })
  expect(seen).toMatchObject([{ _tag: "Sent" }])
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

const fields: ReadonlyArray<[string, string]> = [["Content-Type", "text/fields"]]

describe("a hook's call", () => {
  it("hands the environ, then the arguments, then the named ones", () => {
    const calls: Array<ReadonlyArray<unknown>> = []
    let given: Environ | undefined
    return withServer(
      (env, startResponse) => {
        given = env
        const hook = (...call: ReadonlyArray<unknown>): void => void calls.push(call)
        env["eventlet.posthooks"].push([hook, ["arg1", "arg2"], { kwarg3: 3, kwarg4: 4 }])
        env["eventlet.posthooks"].push([hook, ["arg1"]])
        env["eventlet.posthooks"].push([hook, undefined, { kwarg1: 1 }])
        env["eventlet.posthooks"].push([hook], hook)
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal }) => {
        const client = await connect()
        client.send(get())
        await journal.find((entry) => entry === "access 200")
        expect(calls).toEqual([
          [given, "arg1", "arg2", { kwarg3: 3, kwarg4: 4 }],
          [given, "arg1"],
          [given, { kwarg1: 1 }],
          [given],
          [given]
        ])
        for (const [env] of calls) expect(env).toBe(given)
      }
    )
  })
})

describe("an entry that is no hook, or fails", () => {
  const rejecting = async (): Promise<void> => {
    await turns(1)
    throw new Error("rejected")
  }

  it("is logged, and keeps no later hook from running", () => {
    let calls = 0
    const ran = (): void => void calls++
    const broken: ReadonlyArray<readonly [name: string, entry: unknown]> = [
      ["throws", [() => {
        throw new Error("thrown")
      }]],
      ["throws what is no error", [() => {
        throw "text" as unknown
      }]],
      ["rejects", [rejecting]],
      ["is no function", ["hook"]],
      ["is no entry", {}],
      ["is nothing", undefined],
      ["has arguments that are none", [ran, 5]],
      ["has the letters of a text for arguments", [ran, "arg1"]],
      ["has null for arguments", [ran, null]],
      ["has a text for keyword arguments", [ran, [], "kw"]],
      ["has a list for keyword arguments", [ran, [], [1]]],
      ["has null for keyword arguments", [ran, [], null]],
      ["has options that are none", [ran, [], {}, true]],
      ["has an unknown option", [ran, [], {}, { detach: true }]],
      ["has an invalid option", [ran, [], undefined, { detached: "yes" }]],
      ["has a fifth part", [ran, [], {}, {}, 5]],
      ["is a class", class Hook {}],
      ["is a list of a class", [class Hook {}]],
      ["is a generator function", function*(): Generator<number> {
        yield calls++
      }],
      ["is a list of a generator function", [function*(): Generator<number> {
        yield calls++
      }]],
      ["is an async generator function", async function*(): AsyncGenerator<number> {
        yield calls++
        await turns(1)
      }],
      ["returns an Effect", () => Effect.sync(() => calls++)],
      ["returns an Effect of version 4", () => ({ "~effect/Effect": {} })],
      ["rejects with nothing", () => Promise.reject(undefined)]
    ]
    return withServer(
      (env, startResponse, journal) => {
        const hooks = env["eventlet.posthooks"]
        for (const [name, entry] of broken) {
          hooks.push([() => journal.push(`before what ${name}`)])
          hooks.push(entry as PostHookEntry)
        }
        hooks.push([() => journal.push("last")])
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal, log }) => {
        const client = await connect()
        const { lines } = log
        const expected = [...broken.map(([name]) => `before what ${name}`), "last", "access 200"]
        client.send(get())
        expect(await journal.first(expected.length)).toEqual(expected)
        expect(lines.filter((line) => line.includes("a post hook failed"))).toHaveLength(broken.length)
        expect(lines.join("\n")).toContain("Error: thrown")
        expect(lines.join("\n")).toContain("Error: rejected")
        for (
          const told of [
            "a hook is a function of the environ, or [hook, args?, kwargs?, { detached }?], not a list of the text \"hook\"",
            "a hook is a function of the environ, or [hook, args?, kwargs?, { detached }?], not an object",
            "the arguments of a hook are an array, such as [\"arg1\", \"arg2\"], not the text \"arg1\"",
            "the keyword arguments of a hook are an object, such as { retries: 3 }, not the text \"kw\"",
            "the options of a hook are an object, such as { detached: true }, not true",
            "a hook has four parts, [hook, args?, kwargs?, { detached }?], not 5",
            "a hook is a function of the environ, or [hook, args?, kwargs?, { detached }?], not a list of a class"
          ]
        ) expect(lines.join("\n")).toContain(`eventlet.posthooks: ${told}`)
        for (const what of ["a generator", "an async generator", "an Effect"]) {
          expect(lines.join("\n"))
            .toContain(`TypeError: the hook returned ${what}, which is not run: give a function, or an async function`)
        }
        for (
          const told of [
            "detach: there is no such option; did you mean eventlet.posthooks.detached?",
            "detached: must be true or false; it is \"yes\""
          ]
        ) expect(lines.join("\n")).toContain(`eventlet.posthooks.${told}`)
        expect(lines.filter((line) => line.includes("the hook returned an Effect"))).toHaveLength(2)
        expect(lines.join("\n")).toContain("undefined was thrown")
        expect(calls).toBe(0)
        // the connection goes on
        client.send(get())
        await client.response()
        expect((await client.response()).status).toBe(200)
      }
    )
  })

  it.each<[string, unknown]>([
    ["the text \"hook\"", "hook"],
    ["a function", () => undefined],
    ["an object", { hook: 1 }]
  ])("keeps the application's list from what is no list, and says so: %s", (what, given) =>
    withServer(
      (env, startResponse, journal) => {
        env["eventlet.posthooks"].push([() => journal.push("hook")])
        Reflect.set(env, "eventlet.posthooks", given)
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal, log }) => {
        const client = await connect()
        client.send(get())
        expect(await journal.first(2)).toEqual(["hook", "access 200"])
        expect(log.text).toContain(
          `eventlet.posthooks: this is the list of hooks: add one by push; it was replaced by ${what}`
        )
      }
    ))

  it.each([null, undefined])("keeps it from %s", (given) =>
    withServer(
      (env, startResponse, journal) => {
        env["eventlet.posthooks"].push([() => journal.push("hook")])
        Reflect.set(env, "eventlet.posthooks", given)
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal }) => {
        const client = await connect()
        client.send(get())
        expect(await journal.first(2)).toEqual(["hook", "access 200"])
      }
    ))

  it("is told of where nothing was added before", () =>
    withServer(
      (env, startResponse) => {
        Reflect.set(env, "eventlet.posthooks", () => undefined)
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true },
      async ({ ask, log }) => {
        await ask(get())
        await log.until(/eventlet\.posthooks: this is the list of hooks/)
      }
    ))
})

describe("row 126: the list of hooks", () => {
  it("may be replaced", () =>
    withServer(
      (env, startResponse, journal) => {
        env["eventlet.posthooks"].push([() => journal.push("old")])
        env["eventlet.posthooks"] = [[() => journal.push("new")]]
        env["eventlet.posthooks"].push([() => journal.push("newer")])
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal }) => {
        const client = await connect()
        client.send(get())
        expect(await journal.first(3)).toEqual(["new", "newer", "access 200"])
      }
    ))

  it("may be emptied", () =>
    withServer(
      (env, startResponse, journal) => {
        env["eventlet.posthooks"].push([() => journal.push("hook")])
        env["eventlet.posthooks"].length = 0
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal }) => {
        const client = await connect()
        client.send(get())
        expect(await journal.first(1)).toEqual(["access 200"])
      }
    ))

  it("is an array: a filtered one takes its place", () =>
    withServer(
      (env, startResponse, journal) => {
        for (const name of ["a", "b"]) env["eventlet.posthooks"].push([(_, name: string) => journal.push(name), [name]])
        env["eventlet.posthooks"] = env["eventlet.posthooks"].filter(([, args]) => args?.[0] === "b")
        startResponse("200 OK", fields)
        return "ok"
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal }) => {
        const client = await connect()
        client.send(get())
        expect(await journal.first(2)).toEqual(["b", "access 200"])
      }
    ))

  it("takes hooks while the application's iterator runs", () =>
    withServer(
      (env, startResponse, journal) => {
        startResponse("200 OK", fields)
        return (async function*() {
          yield "a"
          await turns(2)
          env["eventlet.posthooks"].push([() => journal.push("hook")])
          yield "b"
        })()
      },
      { memory: true, noteAccess: true },
      async ({ connect, journal }) => {
        const client = await connect()
        client.send(get())
        expect(await journal.first(2)).toEqual(["hook", "access 200"])
      }
    ))
})
