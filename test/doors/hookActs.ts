/** Applications for HookMatrix.test.ts, requests for them, and what their clients and the server's operator do. */
import { Buffer } from "node:buffer"
import type { StopReport } from "tsgi"
import type { WireClient } from "tsgi/testing"
import { expect } from "vitest"
import { turn } from "../utils/holdings.js"
import { request } from "../utils/requests.js"
import type { MakeScript, Scene } from "./hookScene.js"

/** More bytes than the kernel keeps on both sides of a loopback connection. */
export const bulk = 12_582_912
const part = Buffer.alloc(65_536, "x")
/** The bytes after which a client stops within a bulk: the rest is still more than the kernel keeps. */
const someWay = 1_048_576

// ---------------------------------------------------------------------------------------------------------------------
// applications

export const array: MakeScript = (stage) => async (call) => {
  await stage.wait(call)
  return ["hello ", "world"]
}

export const nothing: MakeScript = (stage) => async (call) => {
  await stage.wait(call)
  call.head({ status: 204 })
  return []
}

export const iterator: MakeScript = (stage) => (call) => {
  call.head({ length: bulk })
  return (function*() {
    try {
      for (let sent = 0; sent < bulk; sent += part.length) {
        stage.working.open()
        yield part
      }
    } finally {
      stage.closed++
    }
  })()
}

export const asyncIterator: MakeScript = (stage) => (call) => {
  call.head({ length: 18 })
  return (async function*() {
    try {
      yield "part one\n"
      await stage.wait(call)
      yield "part two\n"
    } finally {
      stage.closed++
    }
  })()
}

export const asyncBulk: MakeScript = (stage) => (call) => {
  call.head({ length: bulk })
  return (async function*() {
    try {
      for (let sent = 0; sent < bulk; sent += part.length) {
        stage.working.open()
        yield await Promise.resolve(part)
      }
    } finally {
      stage.closed++
    }
  })()
}

export const largePart: MakeScript = (stage) => () => {
  stage.working.open()
  return [Buffer.alloc(bulk, "x")]
}

export const large: MakeScript = (stage) => () => {
  stage.working.open()
  return Buffer.alloc(bulk, "x")
}

export const errorBeforeHead: MakeScript = (stage) => async (call) => {
  await stage.wait(call)
  throw new Error("before the head")
}

export const errorAfterHead: MakeScript = (stage) => (call) => {
  call.head({ length: 18 })
  return (async function*() {
    try {
      yield "part one\n"
      await stage.wait(call)
      throw new Error("after the head")
    } finally {
      stage.closed++
    }
  })()
}

/** Reads the body: a pull is under way when `working` opens. */
export const reading: MakeScript = (stage) => async ({ read }) => {
  const body = read()
  stage.working.open()
  const { length } = await body
  return [String(length)]
}

/** Owes a 100 while it waits, then reads. */
export const owing: MakeScript = (stage) => async (call) => {
  await stage.wait(call)
  const { length } = await call.read()
  return [String(length)]
}

/** Owes a 100 and answers without it. */
export const declining: MakeScript = (stage) => async (call) => {
  await stage.wait(call)
  call.head({ status: 403 })
  return ["no"]
}

// ---------------------------------------------------------------------------------------------------------------------
// requests

export const upload = request("POST", "/", ["Content-Length: 200000"], "u".repeat(100_000))
export const restOfUpload = "u".repeat(100_000)
export const expecting = request("POST", "/", ["Content-Length: 5", "Expect: 100-continue"])

// ---------------------------------------------------------------------------------------------------------------------
// what is done

/** An act. If it begins a stop, it returns the report in an object, because a promise in a promise would be one. */
export type Act = (scene: Scene) => Promise<{ readonly report: Promise<StopReport> } | void>

/** Takes bytes until `length` bytes have arrived in all, or the stream has ended. */
export const takeUpTo = async (client: WireClient, length: number): Promise<void> => {
  while (client.received < length && !client.ended) await client.some().catch(() => undefined)
}

export const takeAll = ({ served }: Scene): Promise<void> => takeUpTo(served.client, Infinity)

export const finish: Act = async ({ served, stage }) => {
  stage.go.open()
  await served.client.response()
}

export const drain: Act = async ({ served }) => {
  expect((await served.client.response()).body.length).toBe(bulk)
}

export const resetAtWork: Act = async ({ served, stage }) => {
  await stage.working.opened
  // during a read of the server, a reset could be taken for the end of input, because node:tls loses it in a write of its own
  await turn()
  served.client.reset()
}

export const resetAfterPart: Act = async ({ served: { client }, stage }) => {
  await client.until("part one\n")
  await stage.working.opened
  client.reset()
}

export const resetWithin: Act = async ({ served: { client } }) => {
  await takeUpTo(client, someWay)
  client.reset()
}

export const closeWithin: Act = async ({ served: { client } }) => {
  await takeUpTo(client, someWay)
  client.close()
}

/** Reads nothing until the server has given up, and then all that the kernel had taken. */
export const stall: Act = async (scene) => {
  scene.served.client.pause()
  await scene.logged()
  scene.served.client.resume()
  await takeAll(scene)
}

export const grace = 60_000

/** Stops the server while the application works, and then lets that go on. */
export const stopThenGo = (and: (scene: Scene) => Promise<void>): Act => async (scene) => {
  const { served, stage } = scene
  await stage.working.opened
  const report = served.stop({ grace })
  stage.go.open()
  await and(scene)
  await served.client.whenEnded()
  served.client.close()
  return { report }
}

export const answeredClose = async ({ served }: Scene): Promise<void> => {
  expect((await served.client.response()).get("connection")).toBe("close")
}

export const stopNow: Act = async (scene) => {
  await scene.stage.working.opened
  const report = scene.served.stop({ grace: 0 })
  await takeAll(scene)
  return { report }
}

export const stopStalled: Act = async (scene) => {
  const { served, stage } = scene
  served.client.pause()
  await stage.working.opened
  const report = served.stop({ grace: 0 })
  await scene.logged()
  served.client.resume()
  await takeAll(scene)
  return { report }
}
