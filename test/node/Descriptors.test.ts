/** The report that the process has no descriptors left: it is made soon, once for each time, and not again while that lasts. */
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as net from "node:net"
import { afterEach, beforeEach, expect, it, vi } from "vitest"
import { Descriptors } from "../../src/node/Descriptors.js"

const { openSync } = fs
let free = true

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] })
  free = true
  fs.openSync = (...given) => {
    if (!free) throw Object.assign(new Error("too many open files"), { code: "EMFILE" })
    return openSync(...given)
  }
  syncBuiltinESMExports()
})

afterEach(() => {
  vi.useRealTimers()
  fs.openSync = openSync
  syncBuiltinESMExports()
})

/** Makes a connection with this descriptor. */
const withDescriptor = (fd: number): net.Socket => Object.assign(new net.Socket(), { _handle: { fd } })

it("is said once while it lasts, and again the next time", () => {
  let said = 0
  const descriptors = new Descriptors(() => said++)
  descriptors.accepted(withDescriptor(9))
  vi.advanceTimersByTime(1000)
  expect(said).toBe(0)
  free = false
  descriptors.accepted(withDescriptor(10))
  vi.advanceTimersByTime(50)
  expect(said).toBe(1)
  vi.advanceTimersByTime(10_000)
  expect(said).toBe(1)
  // within a second it notices that there are descriptors again
  free = true
  vi.advanceTimersByTime(1000)
  free = false
  descriptors.accepted(withDescriptor(10))
  vi.advanceTimersByTime(50)
  expect(said).toBe(2)
  descriptors.close()
})

it("is looked for only after a connection whose descriptor is as high as any before", () => {
  let said = 0
  const descriptors = new Descriptors(() => said++)
  descriptors.accepted(withDescriptor(9))
  vi.advanceTimersByTime(50)
  free = false
  descriptors.accepted(withDescriptor(8))
  vi.advanceTimersByTime(5000)
  expect(said).toBe(0)
  descriptors.accepted(withDescriptor(9))
  vi.advanceTimersByTime(50)
  expect(said).toBe(1)
  descriptors.close()
})

it("is said once a second at most where the system says it", () => {
  let said = 0
  const descriptors = new Descriptors(() => said++)
  for (let i = 0; i < 5; i++) descriptors.report()
  expect(said).toBe(1)
  vi.advanceTimersByTime(1000)
  descriptors.report()
  expect(said).toBe(2)
})

it("is not looked for any more when the listener is closed", () => {
  let said = 0
  const descriptors = new Descriptors(() => said++)
  descriptors.accepted(withDescriptor(9))
  descriptors.close()
  free = false
  descriptors.accepted(withDescriptor(10))
  vi.advanceTimersByTime(5000)
  expect(said).toBe(0)
})
