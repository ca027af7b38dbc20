/**
 * All that a `RequestReader` returns for some bytes, as one value that can be compared. What must hold for any bytes is checked
 * on the way.
 */
import {
  defaultLimits,
  type Demands,
  type Failure,
  type Leniency,
  type Limits,
  type RequestMessage,
  RequestReader,
  strict,
  type Target
} from "tsgi/protocol"

export interface Reading {
  readonly requests: ReadonlyArray<ReadRequest>
  /** `idle` is between two requests, `more` inside one; a failure refuses the connection. */
  readonly end: "idle" | "more" | Failure
  /** The request line of a head that was begun and not returned, as far as it was read. */
  readonly begun: string
}

export interface ReadRequest {
  /** The request line as received. */
  readonly line: string
  readonly minorVersion: 0 | 1
  readonly form: Target
  readonly fields: ReadonlyArray<string>
  readonly demands: Demands
  /** The joined pieces as latin-1 text. */
  body: string
  trailers: ReadonlyArray<string>
  finished: boolean
}

export interface Rules {
  readonly limits?: Partial<Limits>
  readonly leniency?: Partial<Leniency>
}

const hold = (condition: boolean, what: string): void => {
  if (!condition) throw new Error(`broken promise: ${what}`)
}

/**
 * Stores the chunks and takes every message: after each chunk, or with `takeLate` only when all chunks are stored.
 */
export const readAll = (chunks: ReadonlyArray<Uint8Array>, rules: Rules = {}, takeLate = false): Reading => {
  const limits = { ...defaultLimits, ...rules.limits }
  const reader = new RequestReader(limits, { ...strict, ...rules.leniency })
  const requests: Array<ReadRequest> = []
  let failure: Failure | undefined
  let fed = 0
  let taken = 0

  const take = (message: RequestMessage): void => {
    const current = requests.at(-1)
    const open = current !== undefined && !current.finished
    switch (message._tag) {
      case "RequestStart": {
        hold(!open, "a request starts when the one before it ended")
        const { fields, form, method, minorVersion, target, version } = message.head
        hold(fields.length % 2 === 0, "fields come in pairs")
        // a Host that is made of an absolute target comes on top of the lines
        const isMade = form._tag === "Absolute" && fields[0] === "Host" && fields[1] === form.authority
        hold(fields.length / 2 <= limits.fieldCount + (isMade ? 1 : 0), "no more fields than the limit")
        requests.push({
          line: `${method} ${target} ${version}`,
          minorVersion,
          form,
          fields,
          demands: message.demands,
          body: "",
          trailers: [],
          finished: false
        })
        break
      }
      case "BodyPiece":
        hold(message.bytes.length > 0, "no piece is empty")
        if (current === undefined || !open) throw new Error("broken promise: a piece belongs to a request")
        current.body += Buffer.from(message.bytes).toString("latin1")
        hold(current.body.length <= limits.body, "no more body than the limit")
        break
      case "BodyEnd":
        if (current === undefined || !open) throw new Error("broken promise: an end belongs to a request")
        current.trailers = message.trailers
        current.finished = true
        break
      case "Failure":
        failure = message
        hold(reader.next() === message, "a failure is the last message")
    }
  }

  const takeAll = (): void => {
    while (failure === undefined) {
      hold(reader.buffered >= 0 && reader.buffered <= fed, "no more is stored than came")
      const message = reader.next()
      if (message === undefined) {
        // At most an unfinished line and the CR after it wait for more bytes.
        hold(reader.buffered <= Math.max(limits.requestLine, limits.fieldLine) + 1, "what waits is bounded")
        hold(reader.next() === undefined, "asking again changes nothing")
        return
      }
      hold(++taken <= 3 * fed + 3, "every message costs bytes")
      take(message)
    }
    hold(reader.buffered >= 0 && reader.buffered <= fed, "no more is stored than came")
  }

  for (const chunk of chunks) {
    reader.receive(chunk)
    fed += chunk.length
    if (!takeLate) takeAll()
  }
  takeAll()
  const unfinished = requests.at(-1)?.finished === false
  hold(!(unfinished && reader.inHead), "a reader is in a head or in a body, not in both")
  return { requests, end: failure ?? (unfinished || reader.inHead ? "more" : "idle"), begun: reader.requestLine }
}
