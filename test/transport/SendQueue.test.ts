/** The queue of bytes to send: they leave whole and in order, in writes whose size follows how much the kernel takes. */
import * as fc from "fast-check"
import { describe, expect, it } from "vitest"
import { SendBudget } from "../../src/transport/SendBudget.js"
import { SendQueue } from "../../src/transport/SendQueue.js"
import { Peer } from "../server/Peer.js"
import { runs } from "../utils/runs.js"

const kibibyte = 1024

/** A kernel that takes as much of each write as it is told to, and the rest later. */
class Kernel extends Peer {
  /** Lengths of the writes. */
  readonly writes: Array<number> = []
  takes: (length: number) => number = (length) => length
  private taken = 0
  private gathered = -1

  override get pending(): number {
    return this.written.length - this.taken
  }

  override write(data: string | Uint8Array): void {
    super.write(data)
    if (this.gathered < 0) this.give(data.length)
    else this.gathered += data.length
  }

  override cork = (): void => {
    this.gathered = 0
  }

  override uncork = (): void => {
    this.give(this.gathered)
    this.gathered = -1
  }

  take(length: number): void {
    this.taken += length
  }

  private give(length: number): void {
    this.writes.push(length)
    this.take(Math.min(length, this.takes(length)))
  }
}

const unlimited = { isSpent: false, spend: () => undefined, await: () => undefined }

const queueOn = (kernel: Kernel): SendQueue => new SendQueue(kernel, unlimited, { sendOn: () => undefined })

const give = (queue: SendQueue, length: number): void => {
  queue.addBytes(new Uint8Array(length))
  queue.flush()
}

describe("writes", () => {
  it("grow as long as the kernel takes all, and are small again when it does not", () => {
    const kernel = new Kernel()
    const queue = queueOn(kernel)
    give(queue, 1024 * kibibyte)
    expect(kernel.writes.splice(0)).toEqual([64, 64, 128, 256, 256, 256].map((size) => size * kibibyte))
    kernel.takes = () => 10
    give(queue, 1024 * kibibyte)
    // the transport has no more than that
    expect(kernel.writes.splice(0)).toEqual([256 * kibibyte])
    expect(queue.congested).toBe(true)
    kernel.take(kernel.pending)
    kernel.takes = (length) => length - 1
    queue.flush()
    expect(kernel.writes.splice(0, 4)).toEqual([64, 64, 64, 64].map((size) => size * kibibyte))
    expect(queue.empty).toBe(false)
  })

  it("are small again after text of which something was left", () => {
    const kernel = new Kernel()
    const queue = queueOn(kernel)
    give(queue, 1024 * kibibyte)
    kernel.takes = () => 0
    queue.addText("text")
    queue.flush()
    kernel.take(kernel.pending)
    kernel.takes = (length) => length
    kernel.writes.splice(0)
    give(queue, 128 * kibibyte)
    expect(kernel.writes).toEqual([64 * kibibyte, 64 * kibibyte])
  })

  it("have a head and the ends of chunks beside the bytes", () => {
    const kernel = new Kernel()
    const queue = queueOn(kernel)
    queue.addText("head")
    for (let i = 0; i < 4; i++) {
      queue.addText("chunk")
      queue.addBytes(new Uint8Array(16 * kibibyte))
    }
    queue.addText("last")
    queue.flush()
    expect(kernel.writes).toEqual([64 * kibibyte + "headlast".length + 4 * "chunk".length])
  })

  it("are put off until there is enough for one, and makers asked to wait when there is more", () => {
    const kernel = new Kernel()
    const queue = queueOn(kernel)
    queue.addBytes(new Uint8Array(63 * kibibyte))
    expect(queue).toMatchObject({ fullWrite: false, congested: false })
    queue.addBytes(new Uint8Array(kibibyte))
    expect(queue).toMatchObject({ fullWrite: true, congested: false })
    queue.addBytes(new Uint8Array(64 * kibibyte))
    expect(queue).toMatchObject({ fullWrite: true, congested: true })
    give(queue, 128 * kibibyte)
    expect(kernel.writes).toHaveLength(3)
    queue.addBytes(new Uint8Array(255 * kibibyte))
    expect(queue).toMatchObject({ fullWrite: false, congested: false })
    queue.addBytes(new Uint8Array(kibibyte))
    expect(queue).toMatchObject({ fullWrite: true, congested: true })
  })
})

it("a tick has so many bytes for all: a longer response goes on in the next, and a short one never waits", () => {
  const due: Array<() => void> = []
  const budget = new SendBudget((callback) => due.push(callback))
  const clients = Array.from({ length: 5 }, () => {
    const kernel = new Kernel()
    const queue: SendQueue = new SendQueue(kernel, budget, {
      sendOn: () => {
        queue.unthrottle()
        queue.flush()
      }
    })
    return { queue, sent: () => kernel.writes.splice(0).reduce((sum, size) => sum + size, 0) / kibibyte }
  })
  const tick = (): Array<number> => {
    for (const callback of due.splice(0)) callback()
    return clients.map(({ sent }) => sent())
  }
  for (const { queue } of clients) give(queue, 1536 * kibibyte)
  // the budget is checked before a write, and the first write is free
  expect(clients.map(({ sent }) => sent())).toEqual([1536, 512, 64, 64, 64])
  clients[0].queue.addText("short")
  give(clients[0].queue, 32 * kibibyte)
  expect(clients[0].sent()).toBeCloseTo(32, 1)
  // these wait, in their order
  expect(tick()).toEqual([0, 1024, 1216, 0, 0])
  // a connection that ends has no later tick
  clients[4].queue.flushLast()
  expect(clients[4].sent()).toBe(1472)
  expect(tick()).toEqual([0, 0, 256, 1472, 0])
  expect(tick()).toEqual([0, 0, 0, 0, 0])
  expect(due).toEqual([])
})

it("all leaves in order, whatever is added and however it is taken, and none of it is counted early", () => {
  const part = fc.oneof(
    { arbitrary: fc.string({ maxLength: 20 }), weight: 1 },
    { arbitrary: fc.integer({ min: 1, max: 400_000 }), weight: 2 }
  )
  const step = fc.record({
    parts: fc.array(part, { maxLength: 4 }),
    taken: fc.constantFrom(0, 1, 1000, 65_536, 100_000, Infinity)
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const kernel = new Kernel()
      const queue = queueOn(kernel)
      const added: Array<Uint8Array> = []
      let mark = 0
      const add = (given: string | number): void => {
        if (typeof given === "string") {
          const text = given.replace(/[^\0-\xff]/gu, "?")
          added.push(Buffer.from(text, "latin1"))
          return queue.addText(text)
        }
        const bytes = new Uint8Array(given).fill(++mark % 256)
        added.push(bytes)
        queue.addBytes(bytes)
      }
      for (const { parts, taken } of steps) {
        kernel.takes = () => taken
        parts.forEach(add)
        const all = queue.flush()
        expect(all).toBe(queue.empty)
        expect(kernel.pending).toBeLessThan(131_072 + 262_144 + 100)
        expect(Math.max(0, ...kernel.writes)).toBeLessThanOrEqual(262_144 + 2000)
        kernel.take(Math.min(kernel.pending, taken))
      }
      kernel.takes = (length) => length
      do kernel.take(kernel.pending)
      while (!queue.flush())
      expect(kernel.written === Buffer.concat(added).toString("latin1")).toBe(true)
      expect(queue).toMatchObject({ empty: true, queued: kernel.handed, handed: kernel.handed })
    }),
    runs(12)
  )
})
