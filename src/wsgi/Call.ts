/**
 * One call of a WSGI application. It makes the environ of an exchange, and a response of what the application returns. The
 * exchange decides what is sent and when.
 *
 * @since 0.1.0
 */
import * as Predicate from "effect/Predicate"
import type { DoorExchange } from "../exchange/DoorExchange.js"
import type { AbortReason } from "../exchange/Outcome.js"
import { ResponseError, responseErrorFrom } from "../exchange/ServerError.js"
import type { JudgedHead } from "../protocol/heads.js"
import type { FormLimits } from "../server/FormLimits.js"
import { headNotSet, isPart, joined, type Part } from "./answers.js"
import type { App, AppBody, Write } from "./App.js"
import { type BodyOwner, BodySender } from "./BodySender.js"
import type { Environ } from "./Environ.js"
import { type EnvironProvider, EnvironRecord, type EnvironSettings } from "./EnvironRecord.js"
import type { HeaderPairs } from "./HeaderPairs.js"
import { Input, throwInvalid } from "./Input.js"
import { PostHookList } from "./PostHookList.js"
import { statusOf } from "./statusLine.js"

/**
 * What all calls of one server share.
 *
 * @since 0.1.0
 * @category models
 */
export interface Gateway extends EnvironSettings {
  readonly app: App
  readonly minimumChunkSize: number
  readonly forms: FormLimits
}

/**
 * Gives an exchange to an application.
 *
 * @since 0.1.0
 * @category constructors
 */
export const call = (gateway: Gateway) => (exchange: DoorExchange): void => new Call(exchange, gateway).run()

class Call implements EnvironProvider, BodyOwner {
  readonly input: Input
  readonly posthooks: PostHookList
  private judged: JudgedHead | undefined = undefined
  readonly env: Environ
  // the sender is made if the body comes in parts
  private sender: BodySender | undefined = undefined
  private controller: AbortController | undefined = undefined
  private onEnded: (() => void) | undefined = undefined

  constructor(private readonly exchange: DoorExchange, private readonly gateway: Gateway) {
    this.input = new Input(exchange, gateway.forms)
    this.posthooks = new PostHookList(exchange, this)
    this.env = new EnvironRecord(exchange, this, gateway)
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

  /** The head that `startResponse` was given; `undefined` before that. */
  get head(): JudgedHead | undefined {
    return this.judged
  }

  get minimumChunkSize(): number {
    const given = this.env["eventlet.minimum_write_chunk_size"]
    return typeof given === "number" ? given : this.gateway.minimumChunkSize
  }

  get trailers(): HeaderPairs | undefined {
    return this.env["tsgi.trailers"]
  }

  // ---------------------------------------------------------------------------------------------------------------
  // for the environ

  readonly interim = (status: number, headers: HeaderPairs = []): void =>
    throwInvalid(this.exchange.interim(status, headers))

  readonly setIdle = (): void => this.exchange.markIdle()

  signal(): AbortSignal {
    const controller = this.controller ??= this.newController()
    if (this.exchange.aborted !== undefined) controller.abort(abortError(this.exchange.aborted))
    else this.runsOn()
    return controller.signal
  }

  private newController(): AbortController {
    const controller = new AbortController()
    // this tells an application that has taken the connection over to close it
    this.exchange.onGoodbye(() => controller.abort(abortError("Stopped")))
    return controller
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the answer

  private readonly startResponse = (status: string, headers: HeaderPairs, errorInfo?: unknown): Write => {
    if (errorInfo !== undefined && errorInfo !== null) {
      if (this.exchange.headSent) {
        throw errorInfo instanceof Error
          ? errorInfo
          : new Error("the response failed", { cause: errorInfo })
      }
      this.sender?.withdraw()
      this.exchange.withdraw()
    } else if (this.judged !== undefined) {
      throw headTwice(this.exchange.headSent)
    }
    const { code, reason } = statusOf(status)
    const head = this.exchange.draft({ status: code, reason, fields: headers })
    if (head._tag === "InvalidHead") throw responseErrorFrom(head)
    this.judged = head
    this.sender?.headSet()
    return this.write
  }

  private readonly write: Write = (part) => this.bodySender().write(part)

  private bodySender(): BodySender {
    return this.sender ??= new BodySender(this.exchange, this)
  }

  private deliver(body: AppBody): void {
    try {
      if (isPart(body)) return this.respond(body)
      const whole = Array.isArray(body) && this.sender?.hasBegun !== true ? joined(body) : undefined
      if (whole === undefined) this.bodySender().send(body)
      else this.respond(whole)
    } catch (error) {
      this.fail(error)
    }
  }

  private respond(body: Part): void {
    if (this.exchange.answerEnded) return this.ended()
    if (this.sender?.hasBegun === true) return this.sender.writeLast(body)
    if (this.judged === undefined) throw headNotSet()
    this.ended()
    const refused = this.exchange.respond(this.judged, body)
    if (refused !== undefined) this.exchange.fail(refused)
  }

  fail(error: unknown): void {
    this.sender?.drop()
    this.endWith(
      () => {
        // an application that has taken the connection over ends here, and not when the socket closes
        if (this.exchange.takenOver) this.exchange.ended()
        this.exchange.fail(error)
      },
      this.sender?.letGo(undefined, error)
    )
  }

  // The hooks wait until the body is closed; the client does not.
  endWith(answer: () => void, closing: Promise<void> | undefined): void {
    if (closing === undefined) {
      this.ended()
      return answer()
    }
    this.runsOn()
    this.posthooks.prepare()
    answer()
    void closing.then(() => this.ended())
  }

  // ---------------------------------------------------------------------------------------------------------------
  // the end

  runsOn(): void {
    if (!this.exchange.isRunning && !this.exchange.answerEnded) {
      this.exchange.running((reason, ended) => this.interrupt(reason, ended))
    }
  }

  // A function cannot be stopped from outside. Its signal is aborted, and the connection waits for it for at most
  // `timeouts.interrupt`.
  private interrupt(reason: AbortReason, ended: () => void): void {
    this.posthooks.prepare()
    this.onEnded = ended
    this.controller?.abort(abortError(reason))
    void this.sender?.letGo()
    // an application that has taken the connection over ends when the socket closes
    const socket = this.input.socket
    if (socket === undefined) return
    if (socket.destroyed) this.ended()
    else socket.once("close", () => this.ended())
  }

  // Called when the application has ended. Nothing that it does later reaches the exchange.
  ended(): void {
    this.sender?.stopTimers()
    this.posthooks.prepare()
    const onEnded = this.onEnded
    this.onEnded = undefined
    if (onEnded !== undefined) onEnded()
    else if (!this.exchange.takenOver) this.exchange.ended()
  }
}

const headTwice = (isSent: boolean): ResponseError =>
  isSent
    ? new ResponseError({
      reason: "HeadAlreadySent",
      description: "startResponse was called before, and its head has been sent; it cannot be replaced"
    })
    : new ResponseError({
      reason: "HeadAlreadySet",
      description: "startResponse was called before; pass errorInfo to replace what it set"
    })

const abortError = (reason: AbortReason): DOMException =>
  new DOMException(
    reason === "Stopped" ? "the server is stopping" : `the exchange was aborted: ${reason}`,
    "AbortError"
  )
