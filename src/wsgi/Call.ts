/**
 * One call of a WSGI application: from its exchange to its environ, and from what it returns to the response.
 *
 * There is no protocol here: what is sent, and when, is the exchange's.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { Exchange } from "../exchange/Exchange.js"
import type { AbortReason } from "../exchange/Outcome.js"
import { ResponseWriter } from "../exchange/ResponseWriter.js"
import { ResponseError, responseErrorFrom, WriteError } from "../exchange/ServerError.js"
import type { Fields } from "../protocol/fields.js"
import { reasonOf } from "../protocol/reasonPhrase.js"
import type { HeadDraft } from "../protocol/responseHead.js"
import { type Failed, letGo, type Parts, partsOf } from "../server/LetGo.js"
import { lookAt } from "../server/lookAt.js"
import { headNotSet, invalidBody, sourceOf } from "./answers.js"
import type { App, AppBody, Write } from "./App.js"
import { callHook, isDetached } from "./callHook.js"
import type { Environ, PostHookOptions, PostHooks } from "./Environ.js"
import { type EnvironProvider, EnvironRecord, type EnvironSettings, FieldView } from "./EnvironRecord.js"
import type { HeaderPairs } from "./HeaderPairs.js"
import { Input, throwInvalid } from "./Input.js"
import { PostHookList, type PushListener } from "./PostHookList.js"

/**
 * What all calls of one server share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gateway extends EnvironSettings {
  readonly app: App
  readonly minimumChunkSize: number
}

type Part = string | Uint8Array

/** Milliseconds that one body may take before others have their turn: a fast client never makes it wait. */
const longestTurn = 10

/** Milliseconds that the first part may take before the head goes ahead: a file that cannot be opened says so in less. */
const aheadAfter = 20

/** Longer arrays are written part by part, shorter ones put together. */
const mostJoinedParts = 64

/**
 * Gives an exchange to an application.
 *
 * @since 0.1.0
 * @category constructors
 */
export const call = (gateway: Gateway) => (exchange: Exchange): void => new Call(exchange, gateway).run()

class Call implements EnvironProvider, PushListener {
  readonly input: Input
  readonly posthooks: PostHooks
  private readonly env: Environ
  private head: HeadDraft | undefined = undefined
  private writer: ResponseWriter | undefined = undefined
  private parts: Parts<Part> | undefined = undefined
  private closing: Promise<void> | undefined = undefined
  private refused: Promise<never> | undefined = undefined
  private turnEnds = -1
  private controller: AbortController | undefined = undefined
  private hooksPrepared = false
  private hooksGiven = false
  private onSettled: (() => void) | undefined = undefined
  private idleFlush: NodeJS.Immediate | undefined = undefined
  private ahead: NodeJS.Timeout | undefined = undefined

  constructor(private readonly exchange: Exchange, private readonly gateway: Gateway) {
    this.input = new Input(exchange)
    this.posthooks = new PostHookList(this)
    this.env = new EnvironRecord(exchange.request, exchange.peer, this, gateway, exchange.forwarded)
  }

  run(): void {
    try {
      const result = this.gateway.app(this.env, this.startResponse)
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
    const controller = this.controller ??= new AbortController()
    if (this.exchange.aborted !== undefined) controller.abort(abortError(this.exchange.aborted))
    else this.runsOn()
    // who has taken the connection over is told when it is to be given up
    this.exchange.onGoodbye(() => controller.abort(abortError("Stopped")))
    return controller.signal
  }

  fieldsOf(fields: Fields): FieldView {
    const { cached } = this.exchange.peer
    const last = cached instanceof FieldView ? cached : undefined
    if (last !== undefined && last.fields === fields) return last
    return this.exchange.peer.cache(new FieldView(fields, last))
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
        description: "startResponse was called before; pass errorInfo to replace what it set"
      })
    }
    const { code, reason } = statusOf(status)
    const head = this.exchange.draft({ status: code, reason, fields: headers })
    if (head._tag === "InvalidHead") throw responseErrorFrom(head)
    this.head = head
    if (this.parts !== undefined) this.headAhead()
    return this.write
  }

  private readonly write: Write = (part) => {
    if (this.exchange.over) return this.refusal()
    this.runsOn()
    const hasRoom = this.emit(part)
    if (part.length === 0 && this.head !== undefined) this.sendHead()
    return hasRoom ? this.othersTurn() ?? resolved : lookedAt(this.room())
  }

  private room(): Promise<void> {
    const writer = this.writer
    if (writer === undefined) return resolved
    return new Promise((resolve, reject) =>
      writer.ready(() => this.exchange.aborted === undefined ? resolve() : reject(this.nobodyTakes()))
    )
  }

  // Who writes on all the same waits for the others before each answer.
  private refusal(): Promise<never> {
    return this.refused ??= lookedAt(
      new Promise((_, reject) =>
        setImmediate(() => {
          this.refused = undefined
          reject(this.nobodyTakes())
        })
      )
    )
  }

  private nobodyTakes(): WriteError {
    return new WriteError({ reason: this.exchange.aborted ?? "AlreadyOver" })
  }

  // A promise, when this body has had its turn: a loop of promises that are kept already lets nobody in.
  private othersTurn(): Promise<void> | undefined {
    const now = performance.now()
    if (this.turnEnds < 0) this.turnEnds = now + longestTurn
    if (now <= this.turnEnds) return undefined
    return new Promise((resolve) =>
      setImmediate(() => {
        this.turnEnds = performance.now() + longestTurn
        resolve()
      })
    )
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what the application returns

  private deliver(body: AppBody): void {
    try {
      if (typeof body === "string" || body instanceof Uint8Array) this.whole(body)
      else if (Array.isArray(body)) this.array(body)
      else if (this.exchange.over) this.stop(body)
      else if (Predicate.hasProperty(body, Symbol.iterator)) this.iterate(partsOf(body))
      else if (Predicate.hasProperty(body, Symbol.asyncIterator)) this.stream(body)
      else {
        this.letGo(sourceOf(body))
        throw this.invalid(body)
      }
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
    for (const part of parts) {
      if (typeof part !== "string" && !(part instanceof Uint8Array)) throw this.invalid(...parts)
    }
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
    this.iterate(partsOf(parts))
  }

  private iterate(parts: Parts<Part>): void {
    this.parts = parts
    this.runsOn()
    const step = (): void => {
      try {
        const turnEnds = performance.now() + longestTurn
        while (!this.exchange.over) {
          const next = parts.next()
          if (next instanceof Promise) throw this.invalid(next)
          if (next.done === true) return this.finish()
          if (!this.emit(next.value) && this.writer !== undefined) return this.writer.ready(step)
          if (this.writer?.swallows) break
          if (performance.now() > turnEnds) {
            setImmediate(step)
            return
          }
        }
        this.stop()
      } catch (error) {
        this.fail(error)
      }
    }
    step()
  }

  private stream(body: AsyncIterable<Part>): void {
    // a response without a body needs none of a stream, which may have no end; a generator may have yet to set the head
    if (isStream(body) && this.head !== undefined && this.writer === undefined) this.begin(undefined)
    if (this.writer?.swallows && isStream(body)) this.stop(body)
    else this.iterateAsync(partsOf(body)).catch((error: unknown) => this.fail(error))
  }

  private async iterateAsync(parts: Parts<Part>): Promise<void> {
    this.parts = parts
    this.runsOn()
    while (!this.exchange.over) {
      this.flushWhenIdle()
      const next = await parts.next()
      if (next.done === true) return this.finish()
      if (!this.exchange.over && !this.emit(next.value)) await this.room()
      if (this.writer?.swallows) break
      const others = this.othersTurn()
      if (others !== undefined) await others
    }
    this.stop()
  }

  // `false` asks to wait for room.
  private emit(part: Part): boolean {
    if (typeof part !== "string" && !(part instanceof Uint8Array)) throw this.invalid(part)
    if (this.writer === undefined) {
      if (part.length === 0 && this.head === undefined) return true
      this.begin(undefined)
    }
    return this.writer === undefined || this.writer.write(part)
  }

  // Promises of parts may fail while nobody awaits them.
  private invalid(...parts: ReadonlyArray<unknown>): ResponseError {
    for (const part of parts) {
      lookAt(part, (error) => this.exchange.logFailure("a part of the application's body failed", error))
    }
    return invalidBody(parts.find((part) => typeof part !== "string" && !(part instanceof Uint8Array)))
  }

  private begin(length: number | undefined): void {
    if (this.head === undefined) throw headNotSet()
    const room = this.exchange.start(this.head, length)
    if (typeof room !== "number") throw room
    const given = this.env["eventlet.minimum_write_chunk_size"]
    this.writer = new ResponseWriter(
      this.exchange,
      room,
      typeof given === "number" ? given : this.gateway.minimumChunkSize,
      process.nextTick
    )
  }

  // Parts wait for more only as long as the application goes on making them, and so does the head.
  private flushWhenIdle(): void {
    if (this.idleFlush !== undefined || (this.exchange.headSent && this.writer?.holding !== true)) return
    this.idleFlush = setImmediate(() => {
      this.idleFlush = undefined
      this.writer?.flush()
      this.headAhead()
    })
  }

  // The first part does not come at once: the client is told that there will be one.
  private headAhead(): void {
    if (this.ahead !== undefined || this.head === undefined || this.exchange.headSent) return
    // once more round, so that what has happened meanwhile is heard first
    this.ahead = setTimeout(() => setImmediate(() => this.sendHead()), aheadAfter)
  }

  private sendHead(): void {
    if (this.exchange.over || this.exchange.headSent) return
    try {
      if (this.writer === undefined) this.begin(undefined)
      if (this.writer?.swallows && this.parts !== undefined) this.stop()
      else this.writer?.sendHead()
    } catch (error) {
      this.fail(error)
    }
  }

  private finish(): void {
    if (this.exchange.over) return this.settled()
    if (this.writer === undefined) this.begin(undefined)
    this.settled()
    this.writer?.end()
  }

  // Nobody needs the rest of the body, or all of it: it is let go, and the response ends without it.
  private stop(body?: unknown): void {
    this.endWith(() => this.writer?.end(), body)
  }

  private fail(error: unknown): void {
    this.writer?.drop()
    this.endWith(
      () => {
        // a socket that was taken over is not the application's any more
        if (this.exchange.detached) this.exchange.ended()
        this.exchange.fail(error)
      },
      undefined,
      error
    )
  }

  // The client need not wait for what is let go, but the hooks do.
  private endWith(answer: () => void, body: unknown, known?: unknown): void {
    this.letGo(body, known)
    if (this.closing === undefined) {
      this.settled()
      return answer()
    }
    this.runsOn()
    this.prepareHooks()
    answer()
    void this.closing.then(() => this.settled())
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
    this.letGo()
    // who has taken the connection over has ended when it is gone
    const socket = this.input.socket
    if (socket === undefined) return
    if (socket.destroyed) this.settled()
    else socket.once("close", () => this.settled())
  }

  // The application has ended, or what it still does is none of the exchange's.
  private settled(): void {
    if (this.idleFlush !== undefined) clearImmediate(this.idleFlush)
    if (this.ahead !== undefined) clearTimeout(this.ahead)
    this.prepareHooks()
    const onSettled = this.onSettled
    this.onSettled = undefined
    if (onSettled !== undefined) onSettled()
    else if (!this.exchange.detached) this.exchange.ended()
  }

  // What is being iterated, or `body`, which will not be. `known` is what it has failed with already.
  private letGo(body?: unknown, known?: unknown): void {
    const failed: Failed = (error, late) => {
      if (error !== known) this.exchange.logFailure(closing, error, late ? "Debug" : undefined)
    }
    const parts = this.parts
    this.parts = undefined
    const closed = parts === undefined ? letGo(body, failed) : parts.letGo(failed)
    if (closed !== undefined) this.closing = within(closed, this.exchange.config.timeouts.interrupt)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // post hooks

  /** For the list under `eventlet.posthooks`. */
  hooksPushed(entries: ReadonlyArray<unknown>): void {
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

  private giveHook(entry: unknown): void {
    this.exchange.postHook(
      () => {
        const result = callHook(entry, this.env)
        return Predicate.isPromiseLike(result) ? result : undefined
      },
      isDetached(entry) ? detached : undefined
    )
  }
}

const detached: PostHookOptions = { detached: true }

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
const closing = "closing the application's body failed"

// Web streams and Node streams, which make nothing before they are read, and set no head then.
const isStream = (body: object): boolean => "getReader" in body || "pipe" in body

// Who does not look at a write has decided not to.
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

/** A timer that would be longer fires at once. */
const longestTimer = 2 ** 31 - 1

const abortError = (reason: AbortReason): DOMException =>
  new DOMException(
    reason === "Stopped" ? "the server is stopping" : `the exchange was aborted: ${reason}`,
    "AbortError"
  )
