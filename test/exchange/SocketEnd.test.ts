/**
 * The end of a socket, as a session of any protocol has it: after hooks and finalizers, or without those that do not end.
 *
 * The family: hooks that end in time, later, and never; a session that goes on after them; a socket that cannot be closed.
 */
import { describe, expect, it } from "vitest"
import type { Session } from "../../src/exchange/Session.js"
import { SocketEnd } from "../../src/exchange/SocketEnd.js"
import { MemoryWire } from "./MemoryWire.js"

const { hooks } = new MemoryWire().peer.engine.config.timeouts

class Scene {
  readonly told: Array<string> = []
  readonly woken: Array<number> = []
  readonly wire = new MemoryWire()
  readonly end: SocketEnd<Pick<Session, "peer">>

  constructor(close = (): void => undefined) {
    const { peer } = this.wire
    const { config, time } = peer.engine
    const tell = (what: string) => () => void this.told.push(what)
    const session: Pick<Session, "peer"> = { peer }
    this.end = new SocketEnd(session, {
      config,
      time,
      alarm: { by: (deadline) => void this.woken.push(deadline) },
      log: (level, message) => void this.told.push(`${level}: ${String(message)}`),
      detach: () => {
        this.told.push("a stop waits")
        return tell("a stop waits no more")
      },
      ended: tell("ended"),
      releasePlace: tell("place released")
    }, () => {
      this.told.push("closed")
      close()
    })
  }

  /** Lets time pass, and calls `late` as a session does. */
  pass(milliseconds: number): void {
    this.wire.now += milliseconds
    if (this.wire.now >= this.end.deadline) this.end.late()
  }
}

const log: unknown = expect.stringMatching(
  /^Info: a post hook or finalizer has not ended within \d+ ms of its connection: /
)
const late = [log, "a stop waits", "closed", "ended"]

describe("a socket", () => {
  it("closes when its session has ended", () => {
    const { end, told } = new Scene()
    end.closeSocket()
    expect(told).toEqual(["closed", "ended"])
    // hooks of its session run on, and have no time
    end.awaitHooks()
    expect([told, end.deadline]).toEqual([["closed", "ended"], Infinity])
  })

  it("closes when hooks have ended in time, and the place of its session is released before", () => {
    const scene = new Scene()
    scene.end.awaitHooks()
    expect([scene.end.deadline, scene.woken]).toEqual([hooks, [hooks]])
    scene.pass(hooks - 1)
    scene.end.closeSocket()
    expect(scene.told).toEqual(["place released", "closed", "ended"])
  })

  it("closes without hooks that have not ended, for which a stop waits", () => {
    const scene = new Scene()
    scene.end.awaitHooks()
    scene.pass(hooks)
    expect([scene.told, scene.end.deadline]).toEqual([["place released", ...late], Infinity])
    scene.end.awaitHooks()
    scene.end.late()
    expect(scene.told).toHaveLength(5)
    scene.end.closeSocket()
    expect(scene.told.slice(5)).toEqual(["a stop waits no more"])
  })

  it("gives hooks that are awaited no more time, whatever ends meanwhile", () => {
    const scene = new Scene()
    scene.end.awaitHooks()
    scene.pass(hooks - 1)
    scene.end.awaitHooks()
    expect([scene.end.deadline, scene.woken]).toEqual([hooks, [hooks]])
    scene.pass(1)
    expect(scene.told).toEqual(["place released", "place released", ...late])
  })

  it("of a session that goes on after its hooks has no deadline", () => {
    const scene = new Scene()
    scene.end.awaitHooks()
    scene.end.hooksRan()
    scene.pass(hooks)
    expect([scene.told, scene.end.deadline]).toEqual([["place released"], Infinity])
    scene.end.awaitHooks()
    expect(scene.end.deadline).toBe(2 * hooks)
  })

  it("that cannot be closed is told of once", () => {
    const scene = new Scene(() => {
      throw new Error("cannot be closed")
    })
    expect(() => scene.end.closeSocket()).toThrow("cannot be closed")
    scene.end.late()
    expect(scene.told).toEqual(["closed", "ended"])
  })
})
