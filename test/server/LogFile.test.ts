/**
 * Log files that are moved or removed while they are written, at both doors; and logs that cannot be written to their end when
 * they are closed, which takes no longer than `longestFlush`, and needs no descriptor.
 */
import { HttpServerResponse } from "@effect/platform"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import fs from "node:fs"
import { syncBuiltinESMExports } from "node:module"
import * as os from "node:os"
import * as path from "node:path"
import { Writable } from "node:stream"
import { listen, type LogTarget, server } from "tsgi"
import { AccessLog, AccessLogFile, AccessLogFormat } from "tsgi/effect"
import { afterAll, afterEach, describe, expect, it, vi } from "vitest"
import * as LogFile from "../../src/node/LogFile.js"
import { kinds, nothingSeen, open as openEffect } from "../platform/scene.js"
import { turns } from "../utils/Journal.js"
import { get } from "../utils/requests.js"
import { hello, open } from "../utils/serving.js"
import { unreadPipe } from "../utils/unreadPipe.js"

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
afterAll(() => fs.rmSync(folder, { recursive: true }))

const warnings = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined)
afterEach(() => warnings.mockClear())
// warnings are compared as text, because one of Node has the emitter, which is too large to compare
const warned = () => warnings.mock.calls.map(([warning]) => String(warning))
const told = () => warned().filter((text) => text.startsWith("the log failed"))

/** Serves in memory, and asks on one connection. */
const started = async (log: string) => {
  const served = await open(hello, { memory: true, log, logFormat: "%(request_line)s" })
  const { running } = served
  const client = await served.connect()
  return {
    running,
    ask: async (target: string): Promise<void> => {
      client.send(get(target))
      await client.response()
    },
    stop: async (): Promise<void> => {
      client.close()
      await running.stop()
    }
  }
}
const descriptors = (): number => process.platform === "linux" ? fs.readdirSync("/proc/self/fd").length : 0
const requests = (file: string): ReadonlyArray<string> =>
  fs.readFileSync(file, "utf8").split("\n").filter((line) => line.startsWith("GET "))

it("a log that was moved is opened anew, and no line is lost", async () => {
  const log = path.join(folder, "moved.log")
  const before = descriptors()
  const { ask, running, stop } = await started(log)
  for (let i = 0; i < 20; i++) {
    await ask(`/${i}`)
    // the first lines are held for longer, until the writer is loaded
    if (i === 0) await vi.waitFor(() => expect(requests(log)).toHaveLength(1))
    if (i % 5 !== 4) continue
    fs.renameSync(log, `${log}.${i}`)
    // until the file is reopened, lines go to the moved file
    await ask(`/${i}/moved`)
    running.reopenLog()
    expect(fs.existsSync(log)).toBe(true)
  }
  await ask("/last")
  await stop()
  const files = [4, 9, 14, 19].map((i) => `${log}.${i}`)
  const all = [...files, log].flatMap(requests)
  expect(all).toHaveLength(25)
  expect(new Set(all).size).toBe(25)
  expect(requests(log)).toContain("GET /last HTTP/1.1")
  expect(requests(files[0])).toContain("GET /0 HTTP/1.1")
  expect(told()).toEqual([])
  // the descriptors of the old files are closed
  expect(descriptors()).toBeLessThanOrEqual(before)
})

it("a log whose folder was removed is told of, and comes back", async () => {
  const log = path.join(folder, "removed", "deep", "log")
  const { ask, stop } = await started(log)
  await ask("/before")
  await vi.waitFor(() => expect(requests(log)).toHaveLength(1))
  fs.rmSync(path.join(folder, "removed"), { recursive: true })
  await vi.waitFor(async () => {
    await ask("/after")
    expect(requests(log)).toContain("GET /after HTTP/1.1")
  }, { timeout: 5000, interval: 100 })
  await stop()
  expect(told()).toEqual([`the log failed: ${log} was removed; it is created again`])
})

it("where it cannot be opened anew, that is told, and the old one is written", async () => {
  const log = path.join(folder, "gone", "log")
  const { ask, running, stop } = await started(log)
  fs.renameSync(path.join(folder, "gone"), path.join(folder, "elsewhere"))
  fs.writeFileSync(path.join(folder, "gone"), "a file is in the way")
  running.reopenLog()
  await ask("/kept")
  await stop()
  expect(requests(path.join(folder, "elsewhere", "log"))).toEqual(["GET /kept HTTP/1.1"])
  expect(told()).toHaveLength(1)
})

it("is safe before a start, behind a stop, and without a file", async () => {
  const running = server(listen(), hello, { log: () => undefined })
  running.reopenLog()
  await running.stop()
  running.reopenLog()
  const late = await started(path.join(folder, "late.log"))
  await late.stop()
  late.running.reopenLog()
  expect(told()).toEqual([])
})

describe("eleven servers with logs give no warning", () => {
  const eleven = async (start: (i: number) => Promise<() => Promise<unknown>>) => {
    const exits = process.listenerCount("exit")
    const stops = await Promise.all(Array.from({ length: 11 }, (_, i) => start(i)))
    await Promise.all(stops.map((stop) => stop()))
    expect(warned()).toEqual([])
    expect(process.listenerCount("exit")).toBe(exits)
  }
  const shared = new Writable({ write: (_, __, done) => done() })

  it.each<[string, (i: number) => LogTarget]>([
    ["files", (i) => path.join(folder, `log-${i}`)],
    ["one file", () => path.join(folder, "log-of-all")],
    ["one stream", () => shared]
  ])("at the plain door: %s", (_, log) =>
    eleven(async (i) => {
      const { running } = await open(hello, { log: log(i), errorLog: log(i) })
      return () => running.stop()
    }))

  it("at the Effect door", () =>
    eleven(async (i) => {
      const format = AccessLogFormat.compile("%(request_line)s")
      const app = kinds.HttpApp(Effect.succeed(HttpServerResponse.text("Hello")))
      const { stop } = await openEffect(app, nothingSeen(), {
        services: AccessLogFile.layer(path.join(folder, `effect-${i}`), format).pipe(Layer.orDie)
      })
      return stop
    }))
})

it("the Effect door's access log is a file that is opened anew", () =>
  Effect.gen(function*() {
    const log = path.join(folder, "effect.log")
    yield* Effect.gen(function*() {
      const { write } = yield* AccessLog.AccessLog
      const record = (line: string): void =>
        void Reflect.apply(write ?? expect.fail, undefined, [{ requestLine: line }])
      record("one")
      fs.renameSync(log, `${log}.1`)
      yield* AccessLog.reopen
      record("two")
    }).pipe(Effect.provide(AccessLogFile.layer(log, (record) => record.requestLine)))
    const written = [`${log}.1`, log].map((file) => fs.readFileSync(file, "utf8")).join("")
    expect(written).toBe("one\ntwo\n")
    expect(fs.readFileSync(log, "utf8")).toContain("two")
    const failed = yield* Effect.flip(Effect.provide(Effect.void, AccessLogFile.layer("/proc/no/log", () => "")))
    expect(failed.message).toMatch(/^log: \/proc\/no\/log cannot be opened/)
  }).pipe(Effect.runPromise))

it("lines that a descriptor has not taken when the server has stopped are written to no other file of its number", async () => {
  const pipe = unreadPipe()
  const { ask, running } = await open(hello, { memory: true, log: pipe.fd, logFormat: () => "x".repeat(1_000_000) })
  await ask(get("/"))
  await running.stop()
  await pipe.close()
  const other = path.join(folder, "other")
  const opened = [fs.openSync(other, "w")]
  // the lowest free number is the next one
  while (!opened.includes(pipe.fd) && opened.length < 100) opened.push(fs.openSync(other, "a"))
  expect(opened).toContain(pipe.fd)
  const written = vi.spyOn(fs, "write")
  // the writer tries again after 100 ms what a pipe has not taken
  await new Promise((resolve) => setTimeout(resolve, 350))
  expect(written.mock.calls.filter(([fd]) => fd === pipe.fd)).toEqual([])
  written.mockRestore()
  for (const fd of opened) fs.closeSync(fd)
  expect(fs.readFileSync(other, "utf8")).toBe("")
})

describe("a log whose writer is never loaded is closed in time", () => {
  const never = (): Promise<never> => new Promise(() => undefined)

  it("with its lines, if it is a file", async () => {
    const file = path.join(folder, "unloaded")
    const log = LogFile.open(file, never)
    log.write("one")
    log.write("two")
    await log.close()
    expect(fs.readFileSync(file, "utf8")).toBe("one\ntwo\n")
    expect(told()).toEqual([])
  })

  it("without them, if it is a pipe, which is told", async () => {
    const pipe = unreadPipe()
    const log = LogFile.onDescriptor(pipe.fd, never)
    log.write("one")
    await log.close()
    expect(told()).toEqual(["the log failed: its writer was not loaded in time"])
    await pipe.close()
  })

  it("and is not written when it is loaded later", async () => {
    const file = path.join(folder, "late")
    let loaded = (): void => undefined
    const log = LogFile.open(file, async () => {
      await new Promise<void>((resolve) => {
        loaded = resolve
      })
      return import("sonic-boom")
    })
    log.write("one")
    await log.close()
    const opened = vi.spyOn(fs, "write")
    loaded()
    await turns(20)
    expect(opened).not.toHaveBeenCalled()
    opened.mockRestore()
    expect(fs.readFileSync(file, "utf8")).toBe("one\n")
  })
})

it("a log whose writer cannot be loaded is told, and its file is closed", async () => {
  const before = descriptors()
  const log = LogFile.open(path.join(folder, "none"), () => Promise.reject(new Error("no such module")))
  log.write("one")
  await log.close()
  expect(told()).toEqual(["the log failed: no such module"])
  expect(descriptors()).toBe(before)
})

it("a log that nobody reads is closed where no descriptor is free", async () => {
  const pipe = unreadPipe()
  const log = LogFile.onDescriptor(pipe.fd)
  log.write("x".repeat(1_000_000))
  vi.spyOn(fs, "openSync").mockImplementation(() => {
    throw Object.assign(new Error("EMFILE: too many open files"), { code: "EMFILE" })
  })
  syncBuiltinESMExports()
  try {
    await log.close()
  } finally {
    vi.mocked(fs.openSync).mockRestore()
    syncBuiltinESMExports()
  }
  await pipe.close()
})
