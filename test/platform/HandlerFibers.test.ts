/**
 * How the fibers of handlers start: with the fiber refs, the flags and the services of their app, whether tsgi makes them or,
 * where a supervisor watches, a runtime does.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import type * as Layer from "effect/Layer"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as Supervisor from "effect/Supervisor"
import { describe, expect, it } from "vitest"
import { type Fork, forkWith } from "../../src/platform/handlerFibers.js"

class Name extends Context.Tag("Name")<Name, string>() {}

let forks = 0
const inherited = FiberRef.unsafeMake("default")
const counted = FiberRef.unsafeMake(0, { fork: (value) => value + ++forks })

const watch = Effect.runSync(Supervisor.track)
const ways: Readonly<Record<string, Layer.Layer<never> | undefined>> = {
  "fibers of tsgi": undefined,
  "fibers of a runtime, for a supervisor": Supervisor.addSupervisor(watch)
}

const forkOf = (supervisor: Layer.Layer<never> | undefined, flags = RuntimeFlags.make()): Fork => {
  const forked = Effect.runtime<never>().pipe(
    Effect.map((runtime) => forkWith(runtime, flags)),
    Effect.locally(inherited, "of the app"),
    Effect.locally(counted, 10)
  )
  return Effect.runSync(supervisor === undefined ? forked : Effect.provide(forked, supervisor))
}

const services = () => new Map<string, unknown>([[Name.key, "a request"]])

describe.each(Object.entries(ways))("%s", (_, supervisor) => {
  it("run at once and have their services", () => {
    expect(forkOf(supervisor)(Name, services()).unsafePoll()).toEqual(Exit.succeed("a request"))
  })

  it("have the fiber refs of their app, each forked for each of them", () => {
    const fork = forkOf(supervisor)
    const read = Effect.all([FiberRef.get(inherited), FiberRef.get(counted)])
    const before = forks
    expect(fork(read, services()).unsafePoll()).toEqual(Exit.succeed(["of the app", 10 + before + 1]))
    expect(fork(read, services()).unsafePoll()).toEqual(Exit.succeed(["of the app", 10 + before + 2]))
  })

  it("keep what one of them sets from the next", () => {
    const fork = forkOf(supervisor)
    fork(FiberRef.set(inherited, "of a request"), services())
    expect(fork(FiberRef.get(inherited), services()).unsafePoll()).toEqual(Exit.succeed("of the app"))
  })

  it("give what they set to a fiber that joins them, and their services", async () => {
    const fiber = forkOf(supervisor)(FiberRef.set(inherited, "joined"), services())
    const joined = Effect.zipRight(Fiber.join(fiber), Effect.all([FiberRef.get(inherited), Effect.serviceOption(Name)]))
    const [value, name] = await Effect.runPromise(joined)
    expect(value).toBe("joined")
    expect(name._tag).toBe("Some")
  })

  it("are interruptible as their flags say", () => {
    for (const interruptible of [true, false]) {
      const flags = interruptible ? RuntimeFlags.make(RuntimeFlags.Interruption) : RuntimeFlags.make()
      const read = Effect.checkInterruptible((is) => Effect.succeed(is))
      expect(forkOf(supervisor, flags)(read, services()).unsafePoll()).toEqual(Exit.succeed(interruptible))
    }
  })

  it("are supervised where their app is", async () => {
    const fiber = forkOf(supervisor, RuntimeFlags.make(RuntimeFlags.Interruption))(Effect.never, services())
    const watched = await Effect.runPromise(watch.value)
    expect(watched.includes(fiber)).toBe(supervisor !== undefined)
    await Effect.runPromise(Fiber.interrupt(fiber))
  })
})
