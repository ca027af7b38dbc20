/**
 * Sends a body in parts: those that an application writes, and those of the iterable that it returns.
 *
 * @since 0.2.0
 */
import * as Predicate from "effect/Predicate"
import type { DoorExchange } from "../exchange/DoorExchange.js"
import { ResponseWriter } from "../exchange/ResponseWriter.js"
import { type ResponseError, WriteError } from "../exchange/ServerError.js"
import type { JudgedHead } from "../protocol/heads.js"
import { catchRejection } from "../server/catchRejection.js"
import { closedWithin, type Failed, letGo, type Parts, partsOf } from "../server/LetGo.js"
import { LoopBudget } from "../server/LoopBudget.js"
import { headNotSet, invalidBody, isPart, iteratesOthers, type Part, sourceOf } from "./answers.js"
import type { HeaderPairs } from "./HeaderPairs.js"

/**
 * The call of a body's sender. The type stands here because the two files would otherwise import each other.
 *
 * @since 0.2.0
 * @category models
 */
export interface BodyOwner {
  /** The head that `startResponse` was given; `undefined` before that. */
  readonly head: JudgedHead | undefined
  readonly minimumChunkSize: number
  /** The trailer fields, if the application has set any. */
  readonly trailers: HeaderPairs | undefined
  /** Called when the application has not ended at once, so that it can be interrupted. */
  readonly runsOn: () => void
  /** Called when the application has ended. */
  readonly ended: () => void
  /** Answers with `answer`, and ends the call after `closing`. */
  readonly endWith: (answer: () => void, closing: Promise<void> | undefined) => void
  readonly fail: (error: unknown) => void
}

/**
 * Milliseconds that the first part may take before the head is sent without it. A missing file is reported sooner, and
 * answered 500.
 */
const headDelay = 20

/**
 * Sends the body of one call.
 *
 * @since 0.2.0
 * @category models
 */
export class BodySender {
  private writer: ResponseWriter | undefined = undefined
  private parts: Parts<Part> | undefined = undefined
  private closing: Promise<void> | undefined = undefined
  private refused: Promise<never> | undefined = undefined
  private idleFlush: NodeJS.Immediate | undefined = undefined
  private headTimer: NodeJS.Timeout | undefined = undefined
  private readonly budget = new LoopBudget()

  constructor(private readonly exchange: DoorExchange, private readonly owner: BodyOwner) {}

  /** Whether the exchange has the head, so that all that follows is a part of the body. */
  get hasBegun(): boolean {
    return this.writer !== undefined
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what the application writes

  /** The `write` that `startResponse` returns. */
  write(part: Part): Promise<void> {
    if (this.exchange.answerEnded) return this.refusal()
    this.owner.runsOn()
    const hasRoom = this.emit(part)
    if (part.length === 0 && this.owner.head !== undefined) this.sendHead()
    return hasRoom ? this.afterOthers() ?? resolved : handled(this.room())
  }

  /** Writes the last part, which the application has returned after it has written others. */
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

  // An application that ignores the rejection and writes on is made to wait for other connections before each write.
  private refusal(): Promise<never> {
    return this.refused ??= handled(
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

  /** Sends a body that is not one part. Throws for a value that is not a body. */
  send(body: Iterable<Part> | AsyncIterable<Part>): void {
    if (Array.isArray(body)) this.sendArray(body)
    else if (this.exchange.answerEnded) this.stop(body)
    else if (iteratesOthers(body)) throw this.invalid(body)
    else if (Predicate.hasProperty(body, Symbol.iterator)) this.iterate(partsOf(body))
    else if (Predicate.hasProperty(body, Symbol.asyncIterator)) this.sendStream(body)
    else {
      void this.letGo(sourceOf(body))
      throw this.invalid(body)
    }
  }

  // All parts of an array are there, so the length of the body is known before it is sent.
  private sendArray(parts: ReadonlyArray<Part>): void {
    if (parts.some((part) => !isPart(part))) throw this.invalid(...parts)
    if (this.writer === undefined && !this.exchange.answerEnded) {
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
        while (!this.exchange.answerEnded) {
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

  private sendStream(body: AsyncIterable<Part>): void {
    // A response without a body needs no part of a stream, which may have no end. A generator may still set the head.
    if (isStream(body) && this.owner.head !== undefined && this.writer === undefined) this.begin(undefined)
    if (this.writer?.swallows && isStream(body)) this.stop(body)
    else this.iterateAsync(partsOf(body)).catch((error: unknown) => this.owner.fail(error))
  }

  private async iterateAsync(parts: Parts<Part>): Promise<void> {
    this.parts = parts
    this.owner.runsOn()
    while (!this.exchange.answerEnded) {
      this.flushWhenIdle()
      const next = await parts.next()
      if (next.done === true) return this.finish()
      if (!this.exchange.answerEnded && !this.emit(next.value)) await this.room()
      if (this.writer?.swallows) break
      const others = this.afterOthers()
      if (others !== undefined) await others
    }
    this.stop()
  }

  // Returns false if the caller must wait for room.
  private emit(part: Part): boolean {
    if (!isPart(part)) throw this.invalid(part)
    if (this.writer === undefined) {
      if (part.length === 0 && this.owner.head === undefined) return true
      this.begin(undefined)
    }
    return this.writer === undefined || this.writer.write(part)
  }

  // Handles the rejections of promises among the parts.
  private invalid(...parts: ReadonlyArray<unknown>): ResponseError {
    for (const part of parts) {
      catchRejection(part, (error) => this.exchange.logFailure("a part of the application's body failed", error))
    }
    return invalidBody(parts.find((part) => !isPart(part)))
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the head and the end

  private begin(length: number | undefined): void {
    if (this.owner.head === undefined) throw headNotSet()
    const declared = this.exchange.start(this.owner.head, length)
    if (typeof declared !== "number") throw declared
    this.writer = new ResponseWriter(this.exchange, declared, this.owner.minimumChunkSize, process.nextTick)
  }

  /** Takes back a head that was not sent, with the parts that are held, because another head replaces it. */
  withdraw(): void {
    this.drop()
    this.writer = undefined
  }

  /** Forgets the parts that are held, because the application has failed. */
  drop(): void {
    this.writer?.drop()
  }

  /** Called when the head was set, perhaps by a generator whose first part is still to come. */
  headSet(): void {
    if (this.parts !== undefined) this.headAhead()
  }

  // Sends the parts that are held when the application pauses, and the head when it pauses for long.
  private flushWhenIdle(): void {
    if (this.idleFlush !== undefined || (this.exchange.headSent && this.writer?.hasGathered !== true)) return
    this.idleFlush = setImmediate(() => {
      this.idleFlush = undefined
      this.writer?.flush()
      this.headAhead()
    })
  }

  // Sends the head without the first part if that is late, so that the client knows that there will be a body.
  private headAhead(): void {
    if (this.headTimer !== undefined || this.owner.head === undefined || this.exchange.headSent) return
    // after one more turn of the event loop, so that what has happened meanwhile is handled first
    this.headTimer = setTimeout(() => setImmediate(() => this.sendHead()), headDelay)
  }

  private sendHead(): void {
    if (this.exchange.answerEnded || this.exchange.headSent) return
    try {
      if (this.writer === undefined) this.begin(undefined)
      if (this.writer?.swallows && this.parts !== undefined) this.stop()
      else this.writer?.sendHead()
    } catch (error) {
      this.owner.fail(error)
    }
  }

  private finish(): void {
    if (this.exchange.answerEnded) return this.owner.ended()
    if (this.writer === undefined) this.begin(undefined)
    const { trailers } = this.owner
    this.owner.ended()
    const refused = this.writer?.end(trailers)
    if (refused !== undefined) this.exchange.fail(refused)
  }

  // Ends the response without the rest of the body, or without `body`, which is let go.
  private stop(body?: unknown): void {
    this.owner.endWith(() => this.writer?.end(), this.letGo(body))
  }

  /**
   * Lets go of what is iterated, or else of `body`. An error that is already `known` is not logged. Returns a promise if closing
   * takes time.
   */
  letGo(body?: unknown, known?: unknown): Promise<void> | undefined {
    const failed: Failed = (error, late) => {
      if (error !== known) this.exchange.logFailure(closingFailed, error, late ? "Debug" : undefined)
    }
    const parts = this.parts
    this.parts = undefined
    const closed = parts === undefined ? letGo(body, failed) : parts.letGo(failed)
    if (closed !== undefined) this.closing = closedWithin(closed, this.exchange.config.timeouts.interrupt)
    return this.closing
  }

  /** Stops the timers that send what is held. */
  stopTimers(): void {
    if (this.idleFlush !== undefined) clearImmediate(this.idleFlush)
    if (this.headTimer !== undefined) clearTimeout(this.headTimer)
  }
}

const resolved = Promise.resolve()
const closingFailed = "closing the application's body failed"

// Web streams and Node streams do nothing before they are read, so they do not set the head.
const isStream = (body: object): boolean => "getReader" in body || "pipe" in body

// An application that does not await a write does not have to handle its rejection.
const handled = <A>(promise: Promise<A>): Promise<A> => {
  promise.catch(() => undefined)
  return promise
}
