/** How post hooks are called, one by one; `doors/HookMatrix.test.ts` has when. */
import type { Environ, PostHookEntry } from "tsgi"
import { describe, expect, it } from "vitest"
import { gate } from "../utils/gate.js"
import { Journal, turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { serving } from "../utils/serving.js"

const plain: ReadonlyArray<[string, string]> = [["Content-Type", "text/plain"]]

describe("the call", () => {
  it("hands the environ, then the arguments, then the named ones", () => {
    const calls: Array<ReadonlyArray<unknown>> = []
    let given: Environ | undefined
    return serving((env, startResponse) => {
      given = env
      const hook = (...call: ReadonlyArray<unknown>): void => void calls.push(call)
      env["eventlet.posthooks"].push([hook, ["arg1", "arg2"], { kwarg3: 3, kwarg4: 4 }])
      env["eventlet.posthooks"].push([hook, ["arg1"]])
      env["eventlet.posthooks"].push([hook, undefined, { kwarg1: 1 }])
      env["eventlet.posthooks"].push([hook], hook)
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
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
    })
  })

  it("comes when the response is out and its outcome known", () =>
    serving((env, startResponse, journal) => {
      env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => journal.push(`${outcome?._tag}`)])
      expect(env["tsgi.outcome"]).toBeUndefined()
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get())
      expect(await journal.first(2)).toEqual(["Sent", "access 200"])
      expect((await client.response()).body.toString()).toBe("ok")
    }))
})

describe("order", () => {
  it("awaits asynchronous hooks in turn", () => {
    const gates = [gate(), gate()]
    return serving((env, startResponse, journal) => {
      gates.forEach((gate, index) =>
        env["eventlet.posthooks"].push([async () => {
          journal.push(`${index} begins`)
          await gate.opened
          journal.push(`${index} ends`)
        }])
      )
      env["eventlet.posthooks"].push([() => journal.push("2")])
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get())
      await client.response()
      await turns(20)
      expect(journal.entries).toEqual(["0 begins"])
      gates[1].open()
      await turns(20)
      expect(journal.entries).toEqual(["0 begins"])
      gates[0].open()
      expect(await journal.first(6)).toEqual(["0 begins", "0 ends", "1 begins", "1 ends", "2", "access 200"])
    })
  })

  it("comes before the next pipelined request is given to the application", () => {
    const go = gate()
    return serving((env, startResponse, journal) => {
      journal.push(`app ${env.PATH_INFO}`)
      env["eventlet.posthooks"].push([async () => {
        journal.push(`hook ${env.PATH_INFO}`)
        await go.opened
      }])
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get("/1") + get("/2"))
      // the hooks do not hold the response up
      expect((await client.response()).status).toBe(200)
      await turns(20)
      expect(journal.entries).toEqual(["app /1", "hook /1"])
      go.open()
      expect(await journal.first(6)).toEqual(["app /1", "hook /1", "access 200", "app /2", "hook /2", "access 200"])
    })
  })

  it("comes after the unread rest of a body was dropped", () =>
    serving((env, startResponse, journal) => {
      env["eventlet.posthooks"].push([() => journal.push("hook")])
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345")
      expect((await client.response()).get("connection")).toBeUndefined()
      await turns(20)
      expect(journal.entries).toEqual([])
      client.send(`67890${get()}`)
      expect(await journal.first(4)).toEqual(["hook", "access 200", "hook", "access 200"])
    }))
})

describe("isolation", () => {
  const rejecting = async (): Promise<void> => {
    await turns(1)
    throw new Error("rejected")
  }

  it("keeps later hooks, the log line and the connection from a failing hook", () => {
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
      ["has an option that cannot be meant", [ran, [], undefined, { detached: "yes" }]]
    ]
    return serving((env, startResponse, journal) => {
      const hooks = env["eventlet.posthooks"]
      for (const [name, entry] of broken) {
        hooks.push([() => journal.push(`before what ${name}`)])
        hooks.push(entry as PostHookEntry)
      }
      hooks.push([() => journal.push("last")])
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal, lines }) => {
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
          "must be an object; it is true"
        ]
      ) expect(lines.join("\n")).toContain(`eventlet.posthooks: ${told}`)
      for (
        const told of [
          "detach: did you mean eventlet.posthooks.detached? there is no such option",
          "detached: must be true or false; it is yes"
        ]
      ) expect(lines.join("\n")).toContain(`eventlet.posthooks.${told}`)
      expect(calls).toBe(0)
      // the connection goes on
      client.send(get())
      await client.response()
      expect((await client.response()).status).toBe(200)
    })
  })

  it("keeps the application's list from what is no list", () =>
    serving((env, startResponse, journal) => {
      env["eventlet.posthooks"].push([() => journal.push("hook")])
      Reflect.set(env, "eventlet.posthooks", null)
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get())
      expect(await journal.first(2)).toEqual(["hook", "access 200"])
    }))
})

describe("the list", () => {
  it("may be replaced", () =>
    serving((env, startResponse, journal) => {
      env["eventlet.posthooks"].push([() => journal.push("old")])
      env["eventlet.posthooks"] = [[() => journal.push("new")]]
      env["eventlet.posthooks"].push([() => journal.push("newer")])
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get())
      expect(await journal.first(3)).toEqual(["new", "newer", "access 200"])
    }))

  it("may be emptied", () =>
    serving((env, startResponse, journal) => {
      env["eventlet.posthooks"].push([() => journal.push("hook")])
      env["eventlet.posthooks"].length = 0
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get())
      expect(await journal.first(1)).toEqual(["access 200"])
    }))

  it("is an array: a filtered one takes its place", () =>
    serving((env, startResponse, journal) => {
      for (const name of ["a", "b"]) env["eventlet.posthooks"].push([(_, name: string) => journal.push(name), [name]])
      env["eventlet.posthooks"] = env["eventlet.posthooks"].filter(([, args]) => args?.[0] === "b")
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get())
      expect(await journal.first(2)).toEqual(["b", "access 200"])
    }))

  it("takes hooks from hooks, and runs them after the others", () =>
    serving((env, startResponse, journal) => {
      env["eventlet.posthooks"].push(
        [({ "eventlet.posthooks": hooks }) => {
          journal.push("first")
          hooks.push([async () => {
            await turns(1)
            journal.push("third")
            hooks.push([() => journal.push("fourth")])
          }])
        }],
        [() => journal.push("second")]
      )
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal }) => {
      client.send(get())
      expect(await journal.first(5)).toEqual(["first", "second", "third", "fourth", "access 200"])
    }))

  it("takes hooks while the application's iterator runs", () =>
    serving((env, startResponse, journal) => {
      startResponse("200 OK", plain)
      return (async function*() {
        yield "a"
        await turns(2)
        env["eventlet.posthooks"].push([() => journal.push("hook")])
        yield "b"
      })()
    }, async ({ client, journal }) => {
      client.send(get())
      expect(await journal.first(2)).toEqual(["hook", "access 200"])
    }))
})

describe("late", () => {
  for (const early of [0, 1]) {
    it(`runs at once when ${early === 0 ? "there were no others" : "the others have run"}`, () => {
      let env: Environ | undefined
      return serving((given, startResponse, journal) => {
        env = given
        if (early === 1) given["eventlet.posthooks"].push([() => journal.push("early")])
        startResponse("200 OK", plain)
        return "ok"
      }, async ({ client, journal, running }) => {
        client.send(get())
        const before = [...(early === 1 ? ["early"] : []), "access 200"]
        expect(await journal.first(before.length)).toEqual(before)
        const push = (name: string): void =>
          void env?.["eventlet.posthooks"].push([
            ({ "tsgi.outcome": outcome }) => journal.push(`${name} ${outcome?._tag}`)
          ])
        push("late")
        expect(journal.entries).toEqual([...before, "late Sent"])
        push("later")
        expect(journal.entries).toEqual([...before, "late Sent", "later Sent"])
        client.close()
        await running.stop()
        push("latest")
        expect(journal.entries).toEqual([...before, "late Sent", "later Sent", "latest Sent"])
      })
    })
  }

  it("is awaited by stop", () => {
    const go = gate()
    let env: Environ | undefined
    return serving((given, startResponse) => {
      env = given
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal, running }) => {
      client.send(get())
      await journal.find((entry) => entry === "access 200")
      env?.["eventlet.posthooks"].push([() => go.opened.then(() => journal.push("late"))])
      const stopped = running.stop().then(() => journal.push("stopped"))
      await turns(20)
      go.open()
      await stopped
      expect(journal.entries).toEqual(["access 200", "late", "stopped"])
    })
  })

  it("runs when it was registered between the response and the end of a slow client's reading", () => {
    let env: Environ | undefined
    return serving((given, startResponse) => {
      env = given
      startResponse("200 OK", plain)
      return "x".repeat(100_000)
    }, async ({ client, journal }) => {
      client.pause()
      client.send(get())
      while (env === undefined) await turns(1)
      await turns(5)
      env["eventlet.posthooks"].push([({ "tsgi.outcome": outcome }) => journal.push(`${outcome?._tag}`)])
      expect(journal.entries).toEqual([])
      client.resume()
      expect(await journal.first(2)).toEqual(["Sent", "access 200"])
    })
  })
})

describe("detached", () => {
  it("does not hold the connection, and is awaited by stop", () => {
    const go = gate()
    return serving((env, startResponse, journal) => {
      if (env.PATH_INFO === "/detached") {
        env["eventlet.posthooks"].push(
          [
            async () => {
              journal.push("detached begins")
              await go.opened
              journal.push("detached ends")
            },
            [],
            undefined,
            { detached: true }
          ],
          [() => journal.push("attached")]
        )
      }
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal, running }) => {
      client.send(get("/detached"))
      expect((await client.response()).status).toBe(200)
      client.send(get("/next"))
      expect((await client.response()).status).toBe(200)
      expect(await journal.first(4)).toEqual(["detached begins", "attached", "access 200", "access 200"])
      const stopped = running.stop().then(() => journal.push("stopped"))
      await client.whenEnded()
      await turns(20)
      go.open()
      await stopped
      expect(journal.entries.slice(4)).toEqual(["detached ends", "stopped"])
    })
  })

  it("is isolated as the others are", () =>
    serving((env, startResponse, journal) => {
      const options = { detached: true }
      env["eventlet.posthooks"].push(
        [() => Promise.reject(new Error("detached")), [], undefined, options],
        [
          () => {
            throw new Error("detached too")
          },
          [],
          undefined,
          options
        ],
        [() => journal.push("attached")]
      )
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal, lines }) => {
      client.send(get())
      expect(await journal.first(2)).toEqual(["attached", "access 200"])
      await turns(20)
      expect(lines.filter((line) => line.includes("a post hook failed"))).toHaveLength(2)
    }))
})

describe("who leaves meanwhile", () => {
  it("is not waited for and takes no hook away", () => {
    const go = gate()
    return serving((env, startResponse, journal) => {
      env["eventlet.posthooks"].push(
        [async () => {
          journal.push("first begins")
          await go.opened
          journal.push("first ends")
        }],
        [() => journal.push("second")]
      )
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal, running }) => {
      client.send(get())
      await journal.find((entry) => entry === "first begins")
      client.reset()
      const stopped = running.stop({ grace: 0 }).then((report) => journal.push(`stopped, ${report.cut} cut`))
      await turns(20)
      expect(journal.entries).toEqual(["first begins"])
      go.open()
      await stopped
      expect(journal.entries).toEqual(["first begins", "first ends", "second", "access 200", "stopped, 0 cut"])
    })
  })
})

describe("requests that are refused", () => {
  it("have no hooks and a log line", () => {
    const journal = new Journal<string>()
    return serving((env, startResponse) => {
      env["eventlet.posthooks"].push([() => journal.push("hook")])
      startResponse("200 OK", plain)
      return "ok"
    }, async ({ client, journal: accesses }) => {
      client.send("GET / HTTP/1.1\r\n\r\n")
      expect((await client.response()).status).toBe(400)
      expect(accesses.entries).toEqual(["access 400"])
      expect(journal.entries).toEqual([])
    })
  })
})
