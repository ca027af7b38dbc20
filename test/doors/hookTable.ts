/** The table of HookMatrix.test.ts: every kind of answer against every way in which an exchange can end. */
import type { StopReport } from "tsgi"
import { expect } from "vitest"
import type { Options } from "./everyDoor.js"
import * as Acts from "./hookActs.js"
import type { MakeScript } from "./hookScene.js"

export interface Cell {
  readonly app: MakeScript
  readonly request?: string
  readonly options?: Options
  readonly act: Acts.Act
  readonly outcome: {
    readonly _tag: "Sent" | "Aborted" | "Failed"
    readonly reason?: string
    readonly status: number | undefined
    /** With `partial`, more than none, less than all, and nearly as many as the client has received. */
    readonly bodyBytes: number | "partial"
    readonly interimResponses?: number
  }
  /**
   * With `kept` another request is answered, with `ended` the server ends the connection, with `left` the client has left. With
   * `doors` it is ended at the plain door and kept at the Effect door.
   */
  readonly connection: "kept" | "ended" | "left" | "doors"
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

export const finished = { connections: 1, idle: 0, finished: 1, interrupted: 0, cut: 0 }
const interrupted = { connections: 1, idle: 0, finished: 0, interrupted: 1, cut: 0 }

const oneWrite = "the whole response leaves in one write"
const kernelTakesIt = "the kernel takes a small response whether the client reads or not"
const noBodyAwaited = "no body is awaited"
const firstDecides = "what comes first decides: see `finished` and `client resets`"

export const events = [
  "finished",
  "client resets",
  "client closes half way",
  "read timeout",
  "write stall",
  "stop with grace",
  "stop without grace"
] as const

/** Each cell, or the reason why there is none. */
type Row = Record<typeof events[number], Cell | string>

const bodyDeadline: Options = { timeouts: { body: 60 } }
const writeDeadline: Options = { timeouts: { write: 100 } }

/** An application that waits, and whose whole answer leaves in one write. */
const small = (app: MakeScript, outcome: Cell["outcome"], connection: Cell["connection"]): Row => ({
  "finished": { app, act: Acts.finish, outcome, connection },
  "client resets": { app, act: Acts.resetAtWork, outcome: aborted("ClientGone", undefined, 0), connection: "left" },
  "client closes half way": oneWrite,
  "read timeout": noBodyAwaited,
  "write stall": kernelTakesIt,
  "stop with grace": {
    app,
    act: Acts.stopThenGo(Acts.answeredClose),
    outcome,
    connection: "left",
    report: finished
  },
  "stop without grace": {
    app,
    act: Acts.stopNow,
    outcome: aborted("Stopped", undefined, 0),
    connection: "ended",
    report: interrupted
  }
})

/** An answer that is more than the kernel takes at once, from an iterator that is closed so many times, or whole. */
const bulky = (app: MakeScript, closed: number): Row => {
  const cell = { app, closed }
  const gone = { ...cell, outcome: aborted("ClientGone", 200, "partial"), connection: "left" } as const
  const whole = sent(200, Acts.bulk)
  return {
    "finished": { ...cell, act: Acts.drain, outcome: whole, connection: "kept" },
    "client resets": { ...gone, act: Acts.resetWithin },
    "client closes half way": { ...gone, act: Acts.closeWithin },
    "read timeout": noBodyAwaited,
    "write stall": {
      ...cell,
      options: writeDeadline,
      act: Acts.stall,
      outcome: aborted("WriteTimeout", 200, "partial"),
      connection: "ended"
    },
    "stop with grace": {
      ...cell,
      act: Acts.stopThenGo(Acts.takeAll),
      outcome: whole,
      connection: "left",
      report: finished
    },
    "stop without grace": {
      ...cell,
      act: Acts.stopStalled,
      outcome: aborted("Stopped", 200, "partial"),
      connection: "ended",
      report: interrupted
    }
  }
}

const asyncBulk = bulky(Acts.asyncBulk, 1)

/** Two parts, between which the application waits. */
const parts = { app: Acts.asyncIterator, closed: 1 }
const failing = { app: Acts.errorAfterHead, closed: 1 }

const asyncIterator: Row = {
  ...asyncBulk,
  "finished": { ...parts, act: Acts.finish, outcome: sent(200, 18), connection: "kept" },
  "client resets": {
    ...parts,
    act: Acts.resetAfterPart,
    outcome: aborted("ClientGone", 200, 9),
    connection: "left"
  },
  "stop with grace": {
    ...parts,
    act: Acts.stopThenGo(async ({ served }) => {
      expect((await served.client.response()).body.toString()).toBe("part one\npart two\n")
    }),
    outcome: sent(200, 18),
    connection: "left",
    report: finished
  },
  "stop without grace": {
    ...parts,
    act: Acts.stopNow,
    outcome: aborted("Stopped", 200, 9),
    connection: "ended",
    report: interrupted
  }
}

const errorAfterHead: Row = {
  "finished": {
    ...failing,
    act: async ({ served, stage }) => {
      await served.client.until("part one\n")
      stage.go.open()
    },
    outcome: failed(200, 9),
    connection: "ended"
  },
  "client resets": {
    ...failing,
    act: Acts.resetAfterPart,
    outcome: aborted("ClientGone", 200, 9),
    connection: "left"
  },
  "client closes half way": firstDecides,
  "read timeout": noBodyAwaited,
  "write stall": firstDecides,
  "stop with grace": {
    ...failing,
    act: async (scene) => {
      await scene.served.client.until("part one\n")
      return Acts.stopThenGo(Acts.takeAll)(scene)
    },
    outcome: failed(200, 9),
    connection: "left",
    report: finished
  },
  "stop without grace": {
    ...failing,
    act: Acts.stopNow,
    outcome: aborted("Stopped", 200, 9),
    connection: "ended",
    report: interrupted
  }
}

const upload = { app: Acts.reading, request: Acts.upload }

const uploadBeingRead: Row = {
  "finished": {
    ...upload,
    act: async ({ served: { client } }) => {
      client.send(Acts.restOfUpload)
      expect((await client.response()).body.toString()).toBe("200000")
    },
    outcome: sent(200, 6),
    connection: "kept"
  },
  "client resets": {
    ...upload,
    act: Acts.resetAtWork,
    outcome: aborted("ClientGone", undefined, 0),
    connection: "left"
  },
  // the client closes its sending half, and could still read what is wrong
  "client closes half way": {
    ...upload,
    act: async ({ served: { client }, stage }) => {
      await stage.working.opened
      client.end()
      expect((await client.response()).status).toBe(400)
    },
    outcome: aborted("ClientGone", 400, 0),
    connection: "ended"
  },
  "read timeout": {
    ...upload,
    options: bodyDeadline,
    act: async ({ served }) => {
      expect((await served.client.response()).status).toBe(408)
    },
    outcome: aborted("ReadTimeout", 408, 0),
    connection: "ended"
  },
  "write stall": kernelTakesIt,
  "stop with grace": {
    ...upload,
    act: Acts.stopThenGo(async (scene) => {
      scene.served.client.send(Acts.restOfUpload)
      await Acts.answeredClose(scene)
    }),
    outcome: sent(200, 6),
    connection: "left",
    report: finished
  },
  "stop without grace": {
    ...upload,
    act: Acts.stopNow,
    outcome: aborted("Stopped", undefined, 0),
    connection: "ended",
    report: interrupted
  }
}

const owing = { app: Acts.owing, request: Acts.expecting }
const declining = { app: Acts.declining, request: Acts.expecting }

const owed: Row = {
  "finished": {
    ...owing,
    act: async ({ served: { client }, stage }) => {
      stage.go.open()
      expect((await client.head()).status).toBe(100)
      client.send("12345")
      expect((await client.response()).body.toString()).toBe("5")
    },
    outcome: sent(200, 1, 1),
    connection: "kept"
  },
  "client resets": {
    ...owing,
    act: Acts.resetAtWork,
    outcome: aborted("ClientGone", undefined, 0),
    connection: "left"
  },
  // the client closes its sending half, after the 100 and before the body
  "client closes half way": {
    ...owing,
    act: async ({ served: { client }, stage }) => {
      stage.go.open()
      expect((await client.head()).status).toBe(100)
      client.end()
      expect((await client.response()).status).toBe(400)
    },
    outcome: aborted("ClientGone", 400, 0, 1),
    connection: "ended"
  },
  "read timeout": {
    ...owing,
    options: bodyDeadline,
    act: async ({ served: { client }, stage }) => {
      stage.go.open()
      const response = await client.response()
      expect([response.interim.map(({ status }) => status), response.status]).toEqual([[100], 408])
    },
    outcome: aborted("ReadTimeout", 408, 0, 1),
    connection: "ended"
  },
  "write stall": kernelTakesIt,
  "stop with grace": {
    ...declining,
    act: Acts.stopThenGo(Acts.answeredClose),
    outcome: sent(403, 2),
    connection: "left",
    report: finished
  },
  "stop without grace": {
    ...owing,
    act: Acts.stopNow,
    outcome: aborted("Stopped", undefined, 0),
    connection: "ended",
    report: interrupted
  }
}

const owedAndNotSent: Row = {
  "finished": { ...declining, act: Acts.finish, outcome: sent(403, 2), connection: "ended" },
  "client resets": "as `100 owed`",
  "client closes half way": oneWrite,
  "read timeout": noBodyAwaited,
  "write stall": kernelTakesIt,
  "stop with grace": "as `100 owed`",
  "stop without grace": "as `100 owed`"
}

export const table: Readonly<Record<string, Row>> = {
  "array": small(Acts.array, sent(200, 11), "kept"),
  "iterator": bulky(Acts.iterator, 1),
  "async iterator": asyncIterator,
  "no body": small(Acts.nothing, sent(204, 0), "kept"),
  "large part": bulky(Acts.largePart, 0),
  "large body": bulky(Acts.large, 0),
  // row 114 of wsgi/BEHAVIOUR.md; the platform answers a failure by a response like any other
  "error before head": small(Acts.errorBeforeHead, failed(500, 0), "doors"),
  "error after head": errorAfterHead,
  "upload being read": uploadBeingRead,
  "100 owed": owed,
  "100 owed and not sent": owedAndNotSent
}
