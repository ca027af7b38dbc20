/** Errors are plain classes with a `_tag`. They have nothing of Effect, and work with Effect all the same. */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Tsgi from "tsgi"
import { ServerError } from "tsgi/effect"
import { describe, expect, it } from "vitest"
import type { Address } from "../../src/exchange/Address.js"
import { bindErrorFrom } from "../../src/exchange/ServerError.js"

const cause = Object.assign(new Error("listen EADDRINUSE"), { code: "EADDRINUSE" })
const description = "told so"
const each = [
  new ServerError.OptionError({ option: "port", description }),
  new ServerError.BindError({ reason: "AddressInUse", address: "http://a:1", cause }),
  new ServerError.TransportError({ reason: "Reset", cause }),
  new ServerError.RequestError({ reason: "HeadTimeout", status: 408, description }),
  new ServerError.BodyError({ reason: "Timeout", status: 408, description }),
  new ServerError.ResponseError({ reason: "InvalidBody", description }),
  new ServerError.InterimError({ reason: "TooLate", description }),
  new ServerError.WriteError({ reason: "ClientGone" })
]
const cases = each.map((error): [string, typeof error] => [error._tag, error])

it("has a case for every error of the plain door", () => {
  const classes = Object.entries(Tsgi).filter(([name]) => name.endsWith("Error"))
  expect(cases.map(([tag]) => tag).sort()).toEqual(classes.map(([name]) => name).sort())
  for (const [name, made] of classes) expect(each.find(({ _tag }) => _tag === name)).toBeInstanceOf(made)
})

describe("where it cannot listen, the remedy is of its kind of address:", () => {
  const at = (address: Address) => (code: string) =>
    bindErrorFrom(Object.assign(new Error(), { code }), address).message
  const [port, path] = [at({ _tag: "Tcp", host: "::1", port: 1 }), at({ _tag: "Unix", path: "/run/a.sock" })]
  it("a port", () => {
    expect(port("EADDRINUSE")).toContain(
      "http://[::1]:1: another process listens there already; stop it or choose another port"
    )
    expect(port("EADDRNOTAVAIL")).toContain("http://[::1]:1: this machine has no such address")
    expect(port("EACCES")).toContain("http://[::1]:1: permission denied: use a port from 1024 up")
  })

  it("a path", () => {
    expect(path("EADDRINUSE")).toContain(
      "unix:/run/a.sock: another process listens there already; stop it or choose another path"
    )
    expect(path("EADDRNOTAVAIL")).toContain("unix:/run/a.sock: this machine has no such path")
    expect(path("EACCES")).toContain("unix:/run/a.sock: permission denied: use a folder that this user may write to")
  })
})

describe.each(cases)("%s", (tag, error) => {
  it("is an error of its name, and its stack begins where it was made, with its message", () => {
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe(tag)
    expect(Error.prototype.toString.call(error)).toBe(`${tag}: ${error.message}`)
    expect(error.stack?.split("\n")[0]).toBe(`${tag}: ${error.message}`)
    expect(error.stack?.split("\n")[1]).toContain("Errors.test.ts")
    expect(error.message).toContain(
      "cause" in error ? cause.message : "description" in error ? description : error.reason
    )
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({ _tag: tag })
  })

  it("is caught by its tag at the Effect door", async () => {
    const caught = await Effect.runPromise(
      Effect.fail(error).pipe(Effect.catchAll((failure) => Effect.succeed(failure._tag)))
    )
    expect(caught).toBe(tag)
    const program: Effect.Effect<never, typeof error> = Effect.fail(error)
    const byTag = program.pipe(
      Effect.catchTags({
        OptionError: Effect.succeed,
        BindError: Effect.succeed,
        TransportError: Effect.succeed,
        RequestError: Effect.succeed,
        BodyError: Effect.succeed,
        ResponseError: Effect.succeed,
        InterimError: Effect.succeed,
        WriteError: Effect.succeed
      })
    )
    expect(await Effect.runPromise(byTag)).toBe(error)
    expect(Cause.pretty(Cause.fail(error))).toContain(`${tag}: ${error.message}`)
    expect(Equal.equals(error, error)).toBe(true)
  })
})

it("hands the cause on", () => {
  expect(each.map((error) => error.cause)).toEqual([
    undefined,
    cause,
    cause,
    undefined,
    undefined,
    undefined,
    undefined,
    undefined
  ])
})
