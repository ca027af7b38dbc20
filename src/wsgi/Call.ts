/**
 * One call of a WSGI application: from its exchange to its environ, and from what it returns to the response.
 *
 * There is no protocol here: what is sent, and when, is the exchange's.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { Fields } from "../protocol/fields.js"
import { reasonOf } from "../protocol/reasonPhrase.js"
import { draft, type HeadDraft } from "../protocol/responseHead.js"
import type { Exchange } from "../server/Exchange.js"
import type { AbortReason } from "../server/Outcome.js"
import { ResponseWriter } from "../server/ResponseWriter.js"
import { ResponseError, responseErrorFrom } from "../server/ServerError.js"
import type { App, AppBody, Write } from "./App.js"
import type { Environ, PostHookEntry } from "./Environ.js"
import { EnvironRecord, FieldView, type Lent, type Shared } from "./EnvironRecord.js"
import type { HeaderPairs } from "./HeaderPairs.js"
import { Input, throwInvalid } from "./Input.js"
import { PostHookList, type Pushed } from "./PostHookList.js"

/**
 * What all calls of one server share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Site extends Shared {
  readonly app: App
  readonly minimumChunkSize: number
}

type Part = string | Uint8Array

/** Milliseconds that one body may take before others have their turn: a fast client never makes it wait. */
const longestTurn = 10

/** Longer arrays are written part by part, shorter ones put together. */
const mostJoinedParts = 64

/**
 * Gives an exchange to an application.
 *
 * @since 0.1.0
 * @category constructors
 */
export const call = (site: Site) => (exchange: Exchange): void => new Call(exchange, site).run()

class Call implements Lent, Pushed {
  readonly input: Input
  readonly posthooks: Array<PostHookEntry>
  private readonly env: Environ
  private head: HeadDraft | undefined = undefined
  private writer: ResponseWriter | undefined = undefined
  private iterator: Iterator<Part> | AsyncIterator<Part> | undefined = undefined
  private closing: Promise<unknown> | undefined = undefined
  private controller: AbortController | undefined = undefined
  private hooksPrepared = false
  private hooksGiven = false
  private onSettled: (() => void) | undefined = undefined
  private idleFlush: NodeJS.Immediate | undefined = undefined

  constructor(private readonly exchange: Exchange, private readonly site: Site) {
    this.input = new Input(exchange)
    this.posthooks = new PostHookList(this)
    this.env = new EnvironRecord(exchange.request, exchange.transport, this, site)
  }

  run(): void {
    try {
      const result = this.site.app(this.env, this.startResponse)
      if (Predicate.isPromise(result)) {
        this.runsOn()
        result.then((body) => this.deliver(body), (error: unknown) => this.fail(error))
      } else this.deliver(result)
    } catch (error) {
      this.fail(error)
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what the environ lends

  readonly interim = (status: number, headers: HeaderPairs = []): void =>
    throwInvalid(this.exchange.interim(status, headers))

  readonly setIdle = (): void => this.exchange.markIdle()

  signal(): AbortSignal {
    this.controller ??= new AbortController()
    if (this.exchange.aborted !== undefined) this.controller.abort(abortError(this.exchange.aborted))
    else this.runsOn()
    return this.controller.signal
  }

  fieldsOf(fields: Fields): FieldView {
    const kept = this.exchange.kept
    const last = kept instanceof FieldView ? kept : undefined
    if (last !== undefined && last.fields === fields) return last
    return this.exchange.kept = new FieldView(fields, last)
  }

  private readonly startResponse = (status: string, headers: HeaderPairs, errorInfo?: unknown): Write => {
    if (errorInfo !== undefined && errorInfo !== null) {
      if (this.exchange.headSent) {
        throw errorInfo instanceof Error
          ? errorInfo
          : new Error("the response failed", { cause: errorInfo })
      }
      this.writer?.drop()
      this.writer = undefined
      this.exchange.withdraw()
    } else if (this.head !== undefined) {
      throw new ResponseError({
        reason: "HeadAlreadySet",
        description: "start_response was called before; pass errorInfo to replace what it set"
      })
    }
    const { code, reason } = statusOf(status)
    const head = draft({ status: code, reason, fields: headers }, this.exchange.config.fieldCase)
    if (head._tag === "InvalidHead") throw responseErrorFrom(head)
    this.head = head
    return this.write
  }

  private readonly write: Write = (part) => {
    this.runsOn()
    return this.exchange.over || this.emit(part) ? resolved : this.room()
  }

  private room(): Promise<void> {
    const writer = this.writer
    return writer === undefined ? resolved : new Promise((resolve) => writer.ready(resolve))
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what the application returns

  private deliver(body: AppBody): void {
    try {
      if (typeof body === "string" || body instanceof Uint8Array) this.whole(body)
      else if (Array.isArray(body)) this.array(body)
      else if (Predicate.hasProperty(body, Symbol.iterator)) this.iterate(body[Symbol.iterator]())
      else if (Predicate.hasProperty(body, Symbol.asyncIterator)) {
        this.iterateAsync(body[Symbol.asyncIterator]()).catch((error: unknown) => this.fail(error))
      } else if (this.exchange.over) this.settled()
      else throw invalidBody(body)
    } catch (error) {
      this.fail(error)
    }
  }

  private whole(body: Part): void {
    if (this.exchange.over) return this.settled()
    if (this.writer !== undefined) {
      this.emit(body)
      return this.finish()
    }
    if (this.head === undefined) throw headNotSet()
    this.settled()
    const refused = this.exchange.respond(this.head, body)
    if (refused !== undefined) this.exchange.fail(refused)
  }

  // An array has a length, so the body's is known before it is sent.
  private array(parts: ReadonlyArray<Part>): void {
    for (const part of parts) if (typeof part !== "string" && !(part instanceof Uint8Array)) throw invalidBody(part)
    if (this.writer === undefined && parts.length <= mostJoinedParts) {
      if (parts.length === 0) return this.whole("")
      if (parts.length === 1) return this.whole(parts[0])
      if (parts.every((part) => typeof part === "string")) return this.whole(parts.join(""))
    }
    if (this.writer === undefined && !this.exchange.over) {
      let length = 0
      for (const part of parts) length += typeof part === "string" ? Buffer.byteLength(part) : part.length
      this.begin(length)
    }
    this.iterate(parts[Symbol.iterator]())
  }

  private iterate(iterator: Iterator<Part>): void {
    this.iterator = iterator
    this.runsOn()
    const step = (): void => {
      try {
        const turnEnds = performance.now() + longestTurn
        while (!this.exchange.over) {
          const next = iterator.next()
          if (next.done === true) return this.finish()
          if (!this.emit(next.value) && this.writer !== undefined) return this.writer.ready(step)
          if (this.writer?.swallows) break
          if (performance.now() > turnEnds) {
            setImmediate(step)
            return
          }
        }
        this.closeIterator(() => this.finish())
      } catch (error) {
        this.fail(error)
      }
    }
    step()
  }

  private async iterateAsync(iterator: AsyncIterator<Part>): Promise<void> {
    this.iterator = iterator
    this.runsOn()
    let turnEnds = performance.now() + longestTurn
    while (!this.exchange.over) {
      this.flushWhenIdle()
      const next = await iterator.next()
      if (next.done === true) return this.finish()
      if (!this.exchange.over && !this.emit(next.value)) await this.room()
      if (this.writer?.swallows) break
      if (performance.now() > turnEnds) {
        await new Promise((resolve) => setImmediate(resolve))
        turnEnds = performance.now() + longestTurn
      }
    }
    this.closeIterator(() => this.finish())
  }

  // `false` asks to wait for room.
  private emit(part: Part): boolean {
    if (typeof part !== "string" && !(part instanceof Uint8Array)) throw invalidBody(part)
    if (this.writer === undefined) {
      if (part.length === 0 && this.head === undefined) return true
      this.begin(undefined)
    }
    return this.writer === undefined || this.writer.write(part)
  }

  private begin(length: number | undefined): void {
    if (this.head === undefined) throw headNotSet()
    const prepared = this.exchange.start(this.head, length)
    if (prepared._tag === "ResponseError") throw prepared
    const given = this.env["eventlet.minimum_write_chunk_size"]
    this.writer = new ResponseWriter(
      this.exchange,
      prepared,
      typeof given === "number" ? given : this.site.minimumChunkSize,
      process.nextTick
    )
  }

  // Parts wait for more only as long as the application goes on making them.
  private flushWhenIdle(): void {
    if (this.idleFlush !== undefined || this.writer === undefined || !this.writer.holding) return
    this.idleFlush = setImmediate(() => {
      this.idleFlush = undefined
      this.writer?.flush()
    })
  }

  private finish(): void {
    if (this.exchange.over) return this.settled()
    if (this.writer === undefined) this.begin(undefined)
    this.settled()
    this.writer?.end()
  }

  private fail(error: unknown): void {
    this.writer?.drop()
    this.closeIterator(() => {
      this.settled()
      // a socket that was taken over is not the application's any more
      if (this.exchange.detached) this.exchange.ended()
      this.exchange.fail(error)
    })
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the end

  // From here on the application can be interrupted.
  private runsOn(): void {
    if (!this.exchange.isRunning && !this.exchange.over) {
      this.exchange.running((reason, ended) => this.interrupt(reason, ended))
    }
  }

  // A function cannot be stopped from outside: it is told, and the connection gives it a moment to end.
  private interrupt(reason: AbortReason, ended: () => void): void {
    this.prepareHooks()
    this.onSettled = ended
    this.controller?.abort(abortError(reason))
    this.closeIterator()
    // who has taken the connection over has ended when it is gone
    const socket = this.input.socket
    if (socket === undefined) return
    if (socket.destroyed) this.settled()
    else socket.once("close", () => this.settled())
  }

  // The application has ended, or what it still does is none of the exchange's.
  private settled(): void {
    if (this.idleFlush !== undefined) clearImmediate(this.idleFlush)
    this.prepareHooks()
    const onSettled = this.onSettled
    this.onSettled = undefined
    if (onSettled !== undefined) onSettled()
    else if (!this.exchange.detached) this.exchange.ended()
  }

  // Calls back when the iterator has closed: it may have to wait for what it does then.
  private closeIterator(closed?: () => void): void {
    const iterator = this.iterator
    this.iterator = undefined
    try {
      const result: unknown = iterator?.return?.()
      if (Predicate.isPromise(result)) {
        this.closing = result.catch((error: unknown) => this.exchange.logFailure(closing, error))
      }
    } catch (error) {
      this.exchange.logFailure(closing, error)
    }
    if (closed === undefined) return
    if (this.closing === undefined) closed()
    else void this.closing.then(closed)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // post hooks

  /** For the list under `eventlet.posthooks`. */
  hooksPushed(entries: ReadonlyArray<PostHookEntry>): void {
    if (this.hooksGiven) { for (const entry of entries) this.giveHook(entry) }
    else this.prepareHooks()
  }

  // The list is read when the exchange is over, because the application may have replaced it.
  private prepareHooks(): void {
    if (this.hooksPrepared) return
    const list = this.env["eventlet.posthooks"]
    if (list === this.posthooks && list.length === 0) return
    this.hooksPrepared = true
    this.exchange.postHook((outcome) => {
      this.env["tsgi.outcome"] = outcome
      this.hooksGiven = true
      // what is no list replaces nothing
      const list: unknown = this.env["eventlet.posthooks"]
      for (const entry of Array.isArray(list) ? this.env["eventlet.posthooks"] : this.posthooks) this.giveHook(entry)
    })
  }

  private giveHook(entry: PostHookEntry): void {
    const options = Array.isArray(entry) ? entry[3] : undefined
    this.exchange.postHook(
      () => {
        const [hook, args = [], kwargs] = entry
        const result: unknown = args.length === 0 && kwargs === undefined
          ? hook(this.env)
          : Reflect.apply(hook, undefined, [this.env, ...args, ...(kwargs === undefined ? [] : [kwargs])])
        return Predicate.isPromise(result) ? result : undefined
      },
      options
    )
  }
}

interface Status {
  readonly code: number
  readonly reason: string
}

const statusOf = (text: unknown): Status => {
  if (typeof text !== "string") throw invalidStatus(text)
  const known = knownStatuses.get(text)
  if (known !== undefined) return known
  const parsed = /^([0-9]{3})(?: (.*))?$/s.exec(text)
  if (parsed === null) throw invalidStatus(text)
  const code = Number(parsed[1])
  const status = { code, reason: parsed[2] ?? reasonOf(code) }
  if (knownStatuses.size < mostKnownStatuses && text.length <= 64) knownStatuses.set(text, status)
  return status
}

const invalidStatus = (given: unknown): ResponseError =>
  new ResponseError({
    reason: "InvalidStatus",
    description: `${JSON.stringify(given)} is no status: give a code and a reason, such as "200 OK"`
  })

// Applications have a handful of statuses; bounded, because one may be made of a client's data.
const knownStatuses = new Map<string, Status>()
const mostKnownStatuses = 128

const resolved = Promise.resolve()
const closing = "closing the application's iterator failed"

const abortError = (reason: AbortReason): DOMException =>
  new DOMException(
    reason === "Stopped" ? "the server is stopping" : `the exchange was aborted: ${reason}`,
    "AbortError"
  )

const headNotSet = (): ResponseError =>
  new ResponseError({ reason: "HeadNotSet", description: "call start_response before the first byte of the body" })

const invalidBody = (body: unknown): ResponseError =>
  new ResponseError({
    reason: "InvalidBody",
    description: `a body is text, bytes or an iterable of these, not ${body === null ? "null" : typeof body}`
  })
