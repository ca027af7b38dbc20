/**
 * Sends a body in parts: those that an application writes, and those of the iterable that it returns.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type { Exchange } from "../exchange/Exchange.js"
import { ResponseWriter } from "../exchange/ResponseWriter.js"
import { type ResponseError, WriteError } from "../exchange/ServerError.js"
import type { JudgedHead } from "../protocol/heads.js"
import { catchRejection } from "../server/catchRejection.js"
import { type Failed, letGo, type Parts, partsOf } from "../server/LetGo.js"
import { LoopBudget } from "../server/LoopBudget.js"
import { headNotSet, invalidBody, isPart, iteratesOthers, type Part, sourceOf } from "./answers.js"

/**
 * The call whose body is sent.
 *
 * @since 0.2.0
 * @category models
 */
export interface BodyOwner {
  /** What `startResponse` was given; `undefined` before it. */
  readonly head: JudgedHead | undefined
  readonly minimumChunkSize: number
  /** The application goes on, so it can be interrupted. */
  readonly runsOn: () => void
  /** The application has ended. */
  readonly settled: () => void
  /** Answers with `answer`, and ends the call after `closing`. */
  readonly endWith: (answer: () => void, closing: Promise<void> | undefined) => void
  readonly fail: (error: unknown) => void
}

/** Milliseconds that the first part may take before the head is sent without it. A missing file is reported sooner. */
const aheadAfter = 20

/**
 * @since 0.2.0
 * @category models
 */
export class BodySender {
  private writer: ResponseWriter | undefined = undefined
  private parts: Parts<Part> | undefined = undefined
  private closing: Promise<void> | undefined = undefined
  private refused: Promise<never> | undefined = undefined
  private idleFlush: NodeJS.Immediate | undefined = undefined
  private ahead: NodeJS.Timeout | undefined = undefined
  private readonly budget = new LoopBudget()

  constructor(private readonly exchange: Exchange, private readonly owner: BodyOwner) {}

  /** Is the head prepared, so that what follows is a part of the body? */
  get begun(): boolean {
    return this.writer !== undefined
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what the application writes

  /** The `write` that `startResponse` returns. */
  write(part: Part): Promise<void> {
    if (this.exchange.over) return this.refusal()
    this.owner.runsOn()
    const hasRoom = this.emit(part)
    if (part.length === 0 && this.owner.head !== undefined) this.sendHead()
    return hasRoom ? this.afterOthers() ?? resolved : lookedAt(this.room())
  }

  /** The last part, where the application returns one after it has written others. */
  writeLast(part: Part): void {
    this.emit(part)
    this.finish()
  }

  private room(): Promise<void> {
    const writer = this.writer
    if (writer === undefined) return resolved
    return new Promise((resolve, reject) =>
      writer.ready(() => this.exchange.aborted === undefined ? resolve() : reject(this.writeError()))
    )
  }

  // An application that ignores the refusal and writes on waits for other connections before each answer.
  private refusal(): Promise<never> {
    return this.refused ??= lookedAt(
      new Promise((_, reject) =>
        setImmediate(() => {
          this.refused = undefined
          reject(this.writeError())
        })
      )
    )
  }

  private writeError(): WriteError {
    return new WriteError({ reason: this.exchange.aborted ?? "AlreadyOver" })
  }

  // `undefined` while the budget lasts
  private afterOthers(): Promise<void> | undefined {
    return this.budget.isSpent ? new Promise((resolve) => this.budget.continueLater(resolve)) : undefined
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what the application returns

  /** Sends a body that is not one part. Throws for a value that is no body. */
  send(body: Iterable<Part> | AsyncIterable<Part>): void {
    if (Array.isArray(body)) this.array(body)
    else if (this.exchange.over) this.stop(body)
    else if (iteratesOthers(body)) throw this.invalid(body)
    else if (Predicate.hasProperty(body, Symbol.iterator)) this.iterate(partsOf(body))
    else if (Predicate.hasProperty(body, Symbol.asyncIterator)) this.stream(body)
    else {
      void this.letGo(sourceOf(body))
      throw this.invalid(body)
    }
  }

  // An array has a length, so that of the body is known before it is sent.
  private array(parts: ReadonlyArray<Part>): void {
    if (parts.some((part) => !isPart(part))) throw this.invalid(...parts)
    if (this.writer === undefined && !this.exchange.over) {
      let length = 0
      for (const part of parts) length += typeof part === "string" ? Buffer.byteLength(part) : part.length
      this.begin(length)
    }
    this.iterate(partsOf(parts))
  }

  private iterate(parts: Parts<Part>): void {
    this.parts = parts
    this.owner.runsOn()
    const step = (): void => {
      try {
        this.budget.renew()
        while (!this.exchange.over) {
          const next = parts.next()
          if (next instanceof Promise) throw this.invalid(next)
          if (next.done === true) return this.finish()
          if (!this.emit(next.value) && this.writer !== undefined) return this.writer.ready(step)
          if (this.writer?.swallows) break
          if (this.budget.isSpent) return this.budget.continueLater(step)
        }
        this.stop()
      } catch (error) {
        this.owner.fail(error)
      }
    }
    step()
  }

  private stream(body: AsyncIterable<Part>): void {
    // A response without a body needs no part of a stream, which may be endless. A generator may have yet to set the head.
    if (isStream(body) && this.owner.head !== undefined && this.writer === undefined) this.begin(undefined)
    if (this.writer?.swallows && isStream(body)) this.stop(body)
    else this.iterateAsync(partsOf(body)).catch((error: unknown) => this.owner.fail(error))
  }

  private async iterateAsync(parts: Parts<Part>): Promise<void> {
    this.parts = parts
    this.owner.runsOn()
    while (!this.exchange.over) {
      this.flushWhenIdle()
      const next = await parts.next()
      if (next.done === true) return this.finish()
      if (!this.exchange.over && !this.emit(next.value)) await this.room()
      if (this.writer?.swallows) break
      const others = this.afterOthers()
      if (others !== undefined) await others
    }
    this.stop()
  }

  // `false` asks to wait for room.
  private emit(part: Part): boolean {
    if (!isPart(part)) throw this.invalid(part)
    if (this.writer === undefined) {
      if (part.length === 0 && this.owner.head === undefined) return true
      this.begin(undefined)
    }
    return this.writer === undefined || this.writer.write(part)
  }

  // Promises among the parts may be rejected, and no other code handles that.
  private invalid(...parts: ReadonlyArray<unknown>): ResponseError {
    for (const part of parts) {
      catchRejection(part, (error) => this.exchange.logFailure("a part of the application's body failed", error))
    }
    return invalidBody(parts.find((part) => !isPart(part)))
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the head, and the end

  private begin(length: number | undefined): void {
    if (this.owner.head === undefined) throw headNotSet()
    const room = this.exchange.start(this.owner.head, length)
    if (typeof room !== "number") throw room
    this.writer = new ResponseWriter(this.exchange, room, this.owner.minimumChunkSize, process.nextTick)
  }

  /** Takes back what has not left: another head replaces it. */
  withdraw(): void {
    this.drop()
    this.writer = undefined
  }

  /** Forgets the parts that are held: the application has failed. */
  drop(): void {
    this.writer?.drop()
  }

  /** Hears that the head is set, perhaps by a generator whose first part has yet to come. */
  headSet(): void {
    if (this.parts !== undefined) this.headAhead()
  }

  // Parts are gathered only while the application goes on making them, and the head is held only so long.
  private flushWhenIdle(): void {
    if (this.idleFlush !== undefined || (this.exchange.headSent && this.writer?.holding !== true)) return
    this.idleFlush = setImmediate(() => {
      this.idleFlush = undefined
      this.writer?.flush()
      this.headAhead()
    })
  }

  // The first part is late: the head tells the client that there will be a body.
  private headAhead(): void {
    if (this.ahead !== undefined || this.owner.head === undefined || this.exchange.headSent) return
    // after one more round of the event loop, so that what has happened meanwhile is handled first
    this.ahead = setTimeout(() => setImmediate(() => this.sendHead()), aheadAfter)
  }

  private sendHead(): void {
    if (this.exchange.over || this.exchange.headSent) return
    try {
      if (this.writer === undefined) this.begin(undefined)
      if (this.writer?.swallows && this.parts !== undefined) this.stop()
      else this.writer?.sendHead()
    } catch (error) {
      this.owner.fail(error)
    }
  }

  private finish(): void {
    if (this.exchange.over) return this.owner.settled()
    if (this.writer === undefined) this.begin(undefined)
    this.owner.settled()
    this.writer?.end()
  }

  // The rest of the body, or all of `body`, is not needed: it is let go, and the response ends without it.
  private stop(body?: unknown): void {
    this.owner.endWith(() => this.writer?.end(), this.letGo(body))
  }

  /**
   * Lets go of what is iterated, or else of `body`, which will not be. `known` is what it has failed with already. Returns a
   * promise where that takes time.
   */
  letGo(body?: unknown, known?: unknown): Promise<void> | undefined {
    const failed: Failed = (error, late) => {
      if (error !== known) this.exchange.logFailure(closingFailed, error, late ? "Debug" : undefined)
    }
    const parts = this.parts
    this.parts = undefined
    const closed = parts === undefined ? letGo(body, failed) : parts.letGo(failed)
    if (closed !== undefined) this.closing = within(closed, this.exchange.config.timeouts.interrupt)
    return this.closing
  }

  /** Sends nothing more by itself. */
  stopTimers(): void {
    if (this.idleFlush !== undefined) clearImmediate(this.idleFlush)
    if (this.ahead !== undefined) clearTimeout(this.ahead)
  }
}

const resolved = Promise.resolve()
const closingFailed = "closing the application's body failed"

// Web streams and Node streams make nothing before they are read, so they do not set the head either.
const isStream = (body: object): boolean => "getReader" in body || "pipe" in body

// An application that does not await a write need not handle its rejection.
const lookedAt = <A>(promise: Promise<A>): Promise<A> => {
  promise.catch(() => undefined)
  return promise
}

// What is let go may never say that it has ended.
const within = (closed: Promise<unknown>, most: number): Promise<void> =>
  new Promise((resolve) => {
    const late = most > longestTimer ? undefined : setTimeout(resolve, most)
    void closed.then(() => {
      clearTimeout(late)
      resolve()
    })
  })

/** Milliseconds; a longer timer fires at once. */
const longestTimer = 2 ** 31 - 1
