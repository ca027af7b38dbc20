/**
 * Every kind of response against every way in which an exchange can end: the hooks run once each and in order, the outcome is
 * true, one access-log line follows, and nothing stays behind.
 */
import { Buffer } from "node:buffer"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { type App, listen, server, type ServerOptions, type StopReport, type TlsOptions } from "tsgi"
import type { WireClient } from "tsgi/testing"
import { beforeAll, describe, expect, it } from "vitest"
import { makeCertificate } from "../utils/certificate.js"
import { expectReleased, holdings, turn } from "../utils/holdings.js"
import { get, request } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"
import { open, registered, type Scene, Stage } from "./hookScene.js"

/** More bytes than the kernel keeps on both sides of a loopback connection. */
const bulk = 12_582_912
const part = Buffer.alloc(65_536, "x")
/** The bytes after which a client stops within a bulk: the rest is still more than the kernel keeps. */
const someWay = 1_048_576
/**
 * The bytes by which the count of bytes handed over may be behind: one write, of the largest size if the client took all until
 * then; over TLS, where Node tells later what the kernel has taken, the two small writes that may be under way.
 */
const uncertain = { tcp: 262_144, tls: 131_072 }

// ---------------------------------------------------------------------------------------------------------------------
// applications

const array = (stage: Stage): App => async (env, startResponse) => {
  await stage.wait(env)
  startResponse("200 OK", [["Content-Type", "text/plain"]])
  return ["hello ", "world"]
}

const nothing = (stage: Stage): App => async (env, startResponse) => {
  await stage.wait(env)
  startResponse("204 No Content", [])
  return []
}

const iterator = (stage: Stage): App => (_, startResponse) => {
  startResponse("200 OK", [["Content-Length", String(bulk)]])
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

const asyncIterator = (stage: Stage): App => (env, startResponse) => {
  startResponse("200 OK", [["Content-Length", "18"]])
  env["eventlet.minimum_write_chunk_size"] = 0
  return (async function*() {
    try {
      yield "part one\n"
      await stage.wait(env)
      yield "part two\n"
    } finally {
      stage.closed++
    }
  })()
}

const asyncBulk = (stage: Stage): App => (_, startResponse) => {
  startResponse("200 OK", [["Content-Length", String(bulk)]])
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

const large = (stage: Stage): App => (_, startResponse) => {
  stage.working.open()
  startResponse("200 OK", [])
  return [Buffer.alloc(bulk, "x")]
}

const errorBeforeHead = (stage: Stage): App => async (env) => {
  await stage.wait(env)
  throw new Error("before the head")
}

const errorAfterHead = (stage: Stage): App => (env, startResponse) => {
  startResponse("200 OK", [["Content-Length", "18"]])
  env["eventlet.minimum_write_chunk_size"] = 0
  return (async function*() {
    try {
      yield "part one\n"
      await stage.wait(env)
      throw new Error("after the head")
    } finally {
      stage.closed++
    }
  })()
}

/** Reads the body: a pull is under way when `working` opens. */
const reading = (stage: Stage): App => async (env, startResponse) => {
  const body = env["wsgi.input"].read()
  stage.working.open()
  const { length } = await body
  startResponse("200 OK", [])
  return [String(length)]
}

/** Owes a 100 while it waits, then reads. */
const owing = (stage: Stage): App => async (env, startResponse) => {
  await stage.wait(env)
  const { length } = await env["wsgi.input"].read()
  startResponse("200 OK", [])
  return [String(length)]
}

/** Owes a 100 and answers without it. */
const declining = (stage: Stage): App => async (env, startResponse) => {
  await stage.wait(env)
  startResponse("403 Forbidden", [])
  return ["no"]
}

// ---------------------------------------------------------------------------------------------------------------------
// requests

const upload = request("POST", "/", ["Content-Length: 200000"], "u".repeat(100_000))
const restOfUpload = "u".repeat(100_000)
const expecting = request("POST", "/", ["Content-Length: 5", "Expect: 100-continue"])

// ---------------------------------------------------------------------------------------------------------------------
// what clients do

/** Takes bytes until `length` bytes have arrived in all, or the stream has ended. */
const takeUpTo = async (client: WireClient, length: number): Promise<void> => {
  while (client.received < length && !client.ended) await client.some().catch(() => undefined)
}

/** An act of a client. If it begins a stop, it returns the report in an object, because a promise in a promise would be one. */
type Act = (scene: Scene) => Promise<{ readonly report: Promise<StopReport> } | void>

const finish: Act = async ({ client, stage }) => {
  stage.go.open()
  await client.response()
}

const drain: Act = async ({ client }) => {
  const head = await client.head()
  await takeUpTo(client, head.text.length + bulk)
}

const resetAtWork: Act = async ({ client, stage }) => {
  await stage.working.opened
  // during a read of the server, a reset could be taken for the end of input, because node:tls loses it in a write of its own
  await turn()
  client.reset()
}

const resetAfterPart: Act = async ({ client, stage }) => {
  await client.until("part one\n")
  await stage.working.opened
  client.reset()
}

const resetWithin: Act = async ({ client }) => {
  await takeUpTo(client, someWay)
  client.reset()
}

const closeWithin: Act = async ({ client }) => {
  await takeUpTo(client, someWay)
  client.close()
}

/** Reads nothing until the server has given up, and then all that the kernel had taken. */
const stall: Act = async ({ client, logged }) => {
  client.pause()
  await logged
  client.resume()
  await takeUpTo(client, Infinity)
}

const grace = 60_000

/** Stops the server while the application works, and then lets that go on. */
const stopThenGo = (and: (scene: Scene) => Promise<void>): Act => async (scene) => {
  await scene.stage.working.opened
  const report = scene.running.stop({ grace })
  scene.stage.go.open()
  await and(scene)
  await scene.client.whenEnded()
  scene.client.close()
  return { report }
}

const answeredClose = async ({ client }: Scene): Promise<void> => {
  expect((await client.response()).get("connection")).toBe("close")
}

const stopNow: Act = async ({ client, running, stage }) => {
  await stage.working.opened
  const report = running.stop({ grace: 0 })
  await takeUpTo(client, Infinity)
  return { report }
}

const stopStalled: Act = async ({ client, logged, running, stage }) => {
  client.pause()
  await stage.working.opened
  const report = running.stop({ grace: 0 })
  await logged
  client.resume()
  await takeUpTo(client, Infinity)
  return { report }
}

// ---------------------------------------------------------------------------------------------------------------------
// the table

interface Cell {
  readonly app: (stage: Stage) => App
  readonly request?: string
  readonly options?: ServerOptions
  readonly act: Act
  readonly outcome: {
    readonly _tag: "Sent" | "Aborted" | "Failed"
    readonly reason?: string
    readonly status: number | undefined
    /** With `partial`, more than none, less than all, and nearly as many as the client has received. */
    readonly bodyBytes: number | "partial"
    readonly interimResponses?: number
  }
  /** With `kept` another request is answered, with `ended` the server ends the connection, with `left` the client has left. */
  readonly connection: "kept" | "ended" | "left"
  readonly report?: Partial<StopReport>
  /** How many times the application's iterator was closed. */
  readonly closed?: number
}

const sent = (status: number, bodyBytes: number, interimResponses = 0) =>
  ({ _tag: "Sent", status, bodyBytes, interimResponses }) as const
const failed = (status: number, bodyBytes: number) => ({ _tag: "Failed", status, bodyBytes }) as const
const aborted = (
  reason: string,
  status: number | undefined,
  bodyBytes: number | "partial",
  interimResponses = 0
) => ({ _tag: "Aborted", reason, status, bodyBytes, interimResponses }) as const

const finished = { connections: 1, idle: 0, finished: 1, interrupted: 0, cut: 0 }
const interrupted = { connections: 1, idle: 0, finished: 0, interrupted: 1, cut: 0 }

const oneWrite = "the whole response leaves in one write"
const kernelTakesIt = "the kernel takes a small response whether the client reads or not"
const noBodyAwaited = "no body is awaited"
const firstDecides = "what comes first decides: see `finished` and `client resets`"

const events = [
  "finished",
  "client resets",
  "client closes half way",
  "read timeout",
  "write stall",
  "stop with grace",
  "stop without grace"
] as const

const bodyDeadline: ServerOptions = { timeouts: { body: 60 } }
const writeDeadline: ServerOptions = { timeouts: { write: 100 } }

/** Each cell, or the reason why there is none. */
const table: Record<string, Record<typeof events[number], Cell | string>> = {
  "array": {
    "finished": { app: array, act: finish, outcome: sent(200, 11), connection: "kept" },
    "client resets": {
      app: array,
      act: resetAtWork,
      outcome: aborted("ClientGone", undefined, 0),
      connection: "left"
    },
    "client closes half way": oneWrite,
    "read timeout": noBodyAwaited,
    "write stall": kernelTakesIt,
    "stop with grace": {
      app: array,
      act: stopThenGo(answeredClose),
      outcome: sent(200, 11),
      connection: "left",
      report: finished
    },
    "stop without grace": {
      app: array,
      act: stopNow,
      outcome: aborted("Stopped", undefined, 0),
      connection: "ended",
      report: interrupted
    }
  },
  "iterator": {
    "finished": { app: iterator, act: drain, outcome: sent(200, bulk), connection: "kept", closed: 1 },
    "client resets": {
      app: iterator,
      act: resetWithin,
      outcome: aborted("ClientGone", 200, "partial"),
      connection: "left",
      closed: 1
    },
    "client closes half way": {
      app: iterator,
      act: closeWithin,
      outcome: aborted("ClientGone", 200, "partial"),
      connection: "left",
      closed: 1
    },
    "read timeout": noBodyAwaited,
    "write stall": {
      app: iterator,
      options: writeDeadline,
      act: stall,
      outcome: aborted("WriteTimeout", 200, "partial"),
      connection: "ended",
      closed: 1
    },
    "stop with grace": {
      app: iterator,
      act: stopThenGo(({ client }) => takeUpTo(client, Infinity)),
      outcome: sent(200, bulk),
      connection: "left",
      report: finished,
      closed: 1
    },
    "stop without grace": {
      app: iterator,
      act: stopStalled,
      outcome: aborted("Stopped", 200, "partial"),
      connection: "ended",
      report: interrupted,
      closed: 1
    }
  },
  "async iterator": {
    "finished": { app: asyncIterator, act: finish, outcome: sent(200, 18), connection: "kept", closed: 1 },
    "client resets": {
      app: asyncIterator,
      act: resetAfterPart,
      outcome: aborted("ClientGone", 200, 9),
      connection: "left",
      closed: 1
    },
    "client closes half way": {
      app: asyncBulk,
      act: closeWithin,
      outcome: aborted("ClientGone", 200, "partial"),
      connection: "left",
      closed: 1
    },
    "read timeout": noBodyAwaited,
    "write stall": {
      app: asyncBulk,
      options: writeDeadline,
      act: stall,
      outcome: aborted("WriteTimeout", 200, "partial"),
      connection: "ended",
      closed: 1
    },
    "stop with grace": {
      app: asyncIterator,
      act: stopThenGo(async ({ client }) => {
        expect((await client.response()).body.toString()).toBe("part one\npart two\n")
      }),
      outcome: sent(200, 18),
      connection: "left",
      report: finished,
      closed: 1
    },
    "stop without grace": {
      app: asyncIterator,
      act: stopNow,
      outcome: aborted("Stopped", 200, 9),
      connection: "ended",
      report: interrupted,
      closed: 1
    }
  },
  "no body": {
    "finished": { app: nothing, act: finish, outcome: sent(204, 0), connection: "kept" },
    "client resets": {
      app: nothing,
      act: resetAtWork,
      outcome: aborted("ClientGone", undefined, 0),
      connection: "left"
    },
    "client closes half way": oneWrite,
    "read timeout": noBodyAwaited,
    "write stall": kernelTakesIt,
    "stop with grace": {
      app: nothing,
      act: stopThenGo(answeredClose),
      outcome: sent(204, 0),
      connection: "left",
      report: finished
    },
    "stop without grace": {
      app: nothing,
      act: stopNow,
      outcome: aborted("Stopped", undefined, 0),
      connection: "ended",
      report: interrupted
    }
  },
  "large body": {
    "finished": { app: large, act: drain, outcome: sent(200, bulk), connection: "kept" },
    "client resets": {
      app: large,
      act: resetWithin,
      outcome: aborted("ClientGone", 200, "partial"),
      connection: "left"
    },
    "client closes half way": {
      app: large,
      act: closeWithin,
      outcome: aborted("ClientGone", 200, "partial"),
      connection: "left"
    },
    "read timeout": noBodyAwaited,
    "write stall": {
      app: large,
      options: writeDeadline,
      act: stall,
      outcome: aborted("WriteTimeout", 200, "partial"),
      connection: "ended"
    },
    "stop with grace": {
      app: large,
      act: stopThenGo(({ client }) => takeUpTo(client, Infinity)),
      outcome: sent(200, bulk),
      connection: "left",
      report: finished
    },
    "stop without grace": {
      app: large,
      act: stopStalled,
      outcome: aborted("Stopped", 200, "partial"),
      connection: "ended",
      report: interrupted
    }
  },
  "error before head": {
    "finished": { app: errorBeforeHead, act: finish, outcome: failed(500, 0), connection: "ended" },
    "client resets": {
      app: errorBeforeHead,
      act: resetAtWork,
      outcome: aborted("ClientGone", undefined, 0),
      connection: "left"
    },
    "client closes half way": oneWrite,
    "read timeout": noBodyAwaited,
    "write stall": kernelTakesIt,
    "stop with grace": {
      app: errorBeforeHead,
      act: stopThenGo(answeredClose),
      outcome: failed(500, 0),
      connection: "left",
      report: finished
    },
    "stop without grace": {
      app: errorBeforeHead,
      act: stopNow,
      outcome: aborted("Stopped", undefined, 0),
      connection: "ended",
      report: interrupted
    }
  },
  "error after head": {
    "finished": {
      app: errorAfterHead,
      act: async ({ client, stage }) => {
        await client.until("part one\n")
        stage.go.open()
      },
      outcome: failed(200, 9),
      connection: "ended",
      closed: 1
    },
    "client resets": {
      app: errorAfterHead,
      act: resetAfterPart,
      outcome: aborted("ClientGone", 200, 9),
      connection: "left",
      closed: 1
    },
    "client closes half way": firstDecides,
    "read timeout": noBodyAwaited,
    "write stall": firstDecides,
    "stop with grace": {
      app: errorAfterHead,
      act: async (scene) => {
        await scene.client.until("part one\n")
        return stopThenGo(({ client }) => takeUpTo(client, Infinity))(scene)
      },
      outcome: failed(200, 9),
      connection: "left",
      report: finished,
      closed: 1
    },
    "stop without grace": {
      app: errorAfterHead,
      act: stopNow,
      outcome: aborted("Stopped", 200, 9),
      connection: "ended",
      report: interrupted,
      closed: 1
    }
  },
  "upload being read": {
    "finished": {
      app: reading,
      request: upload,
      act: async (scene) => {
        scene.client.send(restOfUpload)
        expect((await scene.client.response()).body.toString()).toBe("200000")
      },
      outcome: sent(200, 6),
      connection: "kept"
    },
    "client resets": {
      app: reading,
      request: upload,
      act: resetAtWork,
      outcome: aborted("ClientGone", undefined, 0),
      connection: "left"
    },
    // the client closes its sending half, and could still read what is wrong
    "client closes half way": {
      app: reading,
      request: upload,
      act: async ({ client, stage }) => {
        await stage.working.opened
        client.end()
        expect((await client.response()).status).toBe(400)
      },
      outcome: aborted("ClientGone", 400, 0),
      connection: "ended"
    },
    "read timeout": {
      app: reading,
      request: upload,
      options: bodyDeadline,
      act: async ({ client }) => {
        expect((await client.response()).status).toBe(408)
      },
      outcome: aborted("ReadTimeout", 408, 0),
      connection: "ended"
    },
    "write stall": kernelTakesIt,
    "stop with grace": {
      app: reading,
      request: upload,
      act: stopThenGo(async (scene) => {
        scene.client.send(restOfUpload)
        await answeredClose(scene)
      }),
      outcome: sent(200, 6),
      connection: "left",
      report: finished
    },
    "stop without grace": {
      app: reading,
      request: upload,
      act: stopNow,
      outcome: aborted("Stopped", undefined, 0),
      connection: "ended",
      report: interrupted
    }
  },
  "100 owed": {
    "finished": {
      app: owing,
      request: expecting,
      act: async ({ client, stage }) => {
        stage.go.open()
        expect((await client.head()).status).toBe(100)
        client.send("12345")
        expect((await client.response()).body.toString()).toBe("5")
      },
      outcome: sent(200, 1, 1),
      connection: "kept"
    },
    "client resets": {
      app: owing,
      request: expecting,
      act: resetAtWork,
      outcome: aborted("ClientGone", undefined, 0),
      connection: "left"
    },
    // the client closes its sending half, after the 100 and before the body
    "client closes half way": {
      app: owing,
      request: expecting,
      act: async ({ client, stage }) => {
        stage.go.open()
        expect((await client.head()).status).toBe(100)
        client.end()
        expect((await client.response()).status).toBe(400)
      },
      outcome: aborted("ClientGone", 400, 0, 1),
      connection: "ended"
    },
    "read timeout": {
      app: owing,
      request: expecting,
      options: bodyDeadline,
      act: async ({ client, stage }) => {
        stage.go.open()
        const response = await client.response()
        expect([response.interim.map(({ status }) => status), response.status]).toEqual([[100], 408])
      },
      outcome: aborted("ReadTimeout", 408, 0, 1),
      connection: "ended"
    },
    "write stall": kernelTakesIt,
    "stop with grace": {
      app: declining,
      request: expecting,
      act: stopThenGo(answeredClose),
      outcome: sent(403, 2),
      connection: "left",
      report: finished
    },
    "stop without grace": {
      app: owing,
      request: expecting,
      act: stopNow,
      outcome: aborted("Stopped", undefined, 0),
      connection: "ended",
      report: interrupted
    }
  },
  "100 owed and not sent": {
    "finished": {
      app: declining,
      request: expecting,
      act: finish,
      outcome: sent(403, 2),
      connection: "ended"
    },
    "client resets": "as `100 owed`",
    "client closes half way": oneWrite,
    "read timeout": noBodyAwaited,
    "write stall": kernelTakesIt,
    "stop with grace": "as `100 owed`",
    "stop without grace": "as `100 owed`"
  }
}

// ---------------------------------------------------------------------------------------------------------------------

const play = async (cell: Cell, tls?: TlsOptions): Promise<void> => {
  const scene = await open(cell.app, cell.options ?? {}, tls)
  const { before, client, logged, running, seen, stage } = scene
  client.send(cell.request ?? get())
  const stop = await cell.act(scene)
  await logged
  const received = client.received

  if (cell.connection === "kept") {
    client.send(get("/again"))
    expect((await client.response()).body.toString()).toBe("again")
  } else await client.whenEnded()
  client.close()

  // nothing that is left may delay a stop
  const report = await (stop?.report ?? running.stop({ grace }))
  expect(report).toMatchObject(cell.report ?? { interrupted: 0, cut: 0 })
  await client.whenClosed()

  expect(seen.events, seen.lines.join("\n")).toEqual(registered)
  const [outcome, ...others] = seen.outcomes
  if (outcome === undefined) throw new Error("the first hook did not see the outcome")
  for (const other of others) expect(other).toBe(outcome)
  const { bodyBytes, ...expected } = cell.outcome
  expect(outcome).toMatchObject(expected)
  if (outcome._tag === "Failed") expect(outcome.error).toBeInstanceOf(Error)

  if (bodyBytes !== "partial") expect(outcome.bodyBytes).toBe(bodyBytes)
  else {
    expect(outcome.bodyBytes).toBeGreaterThan(0)
    expect(outcome.bodyBytes).toBeLessThan(bulk)
    expect(outcome.wireBytes).toBeGreaterThan(outcome.bodyBytes)
    expect(outcome.wireBytes).toBeGreaterThanOrEqual(received - (tls === undefined ? uncertain.tcp : uncertain.tls))
  }
  // a client that has read everything has received at least the bytes that count as handed over
  if (cell.connection !== "left" || cell.report === finished) {
    expect(outcome.wireBytes).toBeLessThanOrEqual(received)
    if (bodyBytes !== "partial") expect(outcome.wireBytes).toBe(received)
  }

  const { endTime, firstByteTime, startTime } = outcome
  if (firstByteTime === undefined) expect(outcome.status).toBeUndefined()
  expect(startTime).toBeLessThanOrEqual(firstByteTime ?? endTime)
  expect(firstByteTime ?? startTime).toBeLessThanOrEqual(endTime)
  expect(Math.abs(Date.now() - endTime)).toBeLessThan(60_000)

  expect(seen.records).toHaveLength(1)
  expect(seen.records[0]).toMatchObject({
    outcome,
    status: outcome.status ?? (outcome._tag === "Aborted" && outcome.reason === "Stopped" ? 503 : 499),
    bodyBytes: outcome.bodyBytes,
    wireBytes: outcome.wireBytes,
    refused: undefined
  })
  expect(stage.closed).toBe(cell.closed ?? 0)
  await expectReleased(before)
}

let certificate: TlsOptions
beforeAll(async () => {
  certificate = await makeCertificate("localhost")
})

describe.each([["TCP"], ["TLS"]])("post hooks over %s", (carrier) => {
  for (const [shape, cells] of Object.entries(table)) {
    describe(shape, () => {
      for (const event of events) {
        const cell = cells[event]
        if (typeof cell === "string") it.skip(`${event}: none, ${cell}`)
        else it(event, () => play(cell, carrier === "TLS" ? certificate : undefined))
      }
    })
  }
})

it("a log in a file is written out and closed when the stop has ended", async () => {
  const before = holdings()
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-"))
  const log = path.join(folder, "access.log")
  const running = server(listen(), array(Object.assign(new Stage(), { wait: () => Promise.resolve() })), {
    log,
    logFormat: "%(request_line)s %(outcome)s %(body_bytes)d"
  })
  await using client = await connect(await running.ready)
  client.send(get())
  await client.response()
  client.close()
  await running.stop()
  expect(fs.readFileSync(log, "utf8")).toContain("\nGET / HTTP/1.1 Sent 11\n")
  await expectReleased(before)
  fs.rmSync(folder, { recursive: true })
})
