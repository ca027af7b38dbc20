/**
 * A transport plus its protocol state: reads requests, gives each to the application as an exchange, sends what it
 * answers, and decides what becomes of the connection afterwards.
 *
 * Driven by the transport's events in plain functions: a fiber per connection or per read costs more than everything
 * else together. Its Scope is what ends it: whatever the cause, closing the scope ends the running application, runs the
 * post hooks and closes the transport, in that order.
 *
 * ```
 *            head complete            last byte in the outbox       kernel has it          leftover dropped      hooks done
 *  Idle/Head ------------> Busy ------------------------> Flushing -------------> Leftover --------------> Hooks -----> Idle
 *     |                     |                                                                                  |
 *     | refused             | taken over                                                        not persistent |
 *     v                     v                                                                                  v
 *  Lingering             Detached                                                                          Lingering
 * ```
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { RequestHead } from "../protocol/requestHead.js"
import type { RequestMessage, RequestStart } from "../protocol/requestReader.js"
import { prepare } from "../protocol/responseHead.js"
import * as Address from "./Address.js"
import type { ConnectionHost } from "./ConnectionHost.js"
import { ConnectionScope, type ScopedSocket } from "./ConnectionScope.js"
import { Deadlines } from "./Deadlines.js"
import { Exchange } from "./Exchange.js"
import type { ExchangeHost, TakenOver } from "./ExchangeHost.js"
import { requestName } from "./FailureText.js"
import { type Forwarding, forwardingFor, schemeOf } from "./Forwarding.js"
import type { HookSettings } from "./HookSettings.js"
import { headText } from "./InterimResponses.js"
import { Outbox } from "./Outbox.js"
import type { AbortReason, Outcome } from "./Outcome.js"
import type { Placed } from "./Places.js"
import type { PostHook } from "./Posthooks.js"
import { type BodySource, noBody, RequestBody } from "./RequestBody.js"
import type { Reader } from "./RequestParser.js"
import type { Config } from "./ServerConfig.js"
import { BodyError, type InterimError, RequestError, requestErrorFrom, type TransportError } from "./ServerError.js"
import type { Time } from "./Time.js"
import type { Transport, TransportEvents } from "./Transport.js"
import type { Member, Sharer } from "./Turn.js"

/**
 * What a connection is doing; see the picture above.
 *
 * @since 0.1.0
 * @category models
 */
export type Phase = "Idle" | "Head" | "Busy" | "Flushing" | "Leftover" | "Hooks" | "Lingering" | "Detached"

/** Of what has come already, so many requests and milliseconds are one connection's in a turn of the event loop. */
const mostAnswered = 64
const longestShare = 2

/** Bytes of further requests that are kept while one is being answered; more makes the socket wait. */
const mostReadAhead = 65_536

/**
 * @since 0.1.0
 * @category models
 */
export class Connection implements ExchangeHost, BodySource, Member, Sharer, Placed, ScopedSocket {
  readonly outbox: Outbox
  readonly config: Config
  readonly time: Time
  readonly forwarding: Forwarding | undefined
  /** When it was let in. */
  readonly since: number
  place = -1
  phase: Phase = "Idle"
  inputEnded = false
  kept: unknown = undefined
  /** Whatever ends the connection closes it, and closing it ends the connection. */
  readonly scope = new ConnectionScope(this)
  /** Requests read so far. */
  requests = 0
  private markedIdle = false
  private readonly reader: Reader
  private current: Exchange | undefined = undefined
  // complete exchanges without hooks whose bytes the kernel has not taken: answers to pipelined requests leave together
  private readonly unsettled: Array<Exchange> = []
  private advancing = false
  // has it read what it will answer in its turn?
  private awaitsTurn = false
  // requests answered in this turn behind which more had come already, and since when
  private answered = 0
  private hasMore = false
  private shareSince = 0
  // has it an answer that is to leave with others?
  private holds = false
  private paused = false
  private gone = false
  private endSaid = false
  private closing = false
  private readonly deadlines: Deadlines
  private headSince: number | undefined = undefined
  private beginTime: number | undefined = undefined
  private refusal: Refusal | undefined = undefined
  private leftoverBytes = 0
  private onConcluded: (() => void) | undefined = undefined
  private closeReason: AbortReason = "ClientGone"
  // was it the server's wish that the peer left?
  private saidGoodbye = false
  private endsAtRest = false
  private lingerUntil = Infinity
  private lingerBytes = 0
  // what the kernel had taken when a client that has closed its sending half was last looked at
  private halfClosedAt = 0
  private askAgain: ((reason: AbortReason) => void) | undefined = undefined
  /** Did the application not end when it was told to? */
  abandoned = false

  constructor(
    readonly id: number,
    readonly transport: Transport,
    private readonly engine: ConnectionHost,
    private readonly ended: (connection: Connection) => void
  ) {
    this.config = engine.config
    this.forwarding = forwardingFor(engine.config, transport)
    this.time = engine.time
    this.reader = engine.parser.make()
    this.outbox = new Outbox(transport)
    this.since = this.time.now()
    this.deadlines = new Deadlines(engine.alarm, this.config.timeouts, this.config.rates, this.since)
  }

  /** Begins to read. */
  open(): void {
    this.transport.run(Connection.open, this, {
      data: (bytes: Uint8Array) => this.attempt(Connection.onData, bytes),
      end: () => this.attempt(Connection.onEnd, undefined),
      progress: () => this.attempt(Connection.onProgress, undefined),
      closed: (error: TransportError | undefined) => this.attempt(Connection.onClosed, error)
    })
  }

  private attempt<A>(step: (connection: Connection, argument: A) => void, argument: A): void {
    try {
      step(this, argument)
    } catch (error) {
      this.broken(error)
    }
  }

  /** A defect in what is done for a connection ends this connection, and nothing else of the server. */
  broken(error: unknown): void {
    this.logFailure("a connection broke", Cause.die(error))
    this.current?.blame(error)
    if (!this.closing) return this.close(Exit.die(error))
    this.transport.destroy()
    this.scope.goOn()
    // what it has left running ends unheard
    if (this.current?.isRunning === true) this.abandon()
  }

  // What is entered from outside, in the connection's own async context: without a closure for each time.

  private static readonly open = (connection: Connection, events: TransportEvents): void =>
    connection.transport.open(events)
  private static readonly onData = (connection: Connection, bytes: Uint8Array): void => connection.onData(bytes)
  private static readonly onEnd = (connection: Connection): void => connection.onEnd()
  private static readonly onProgress = (connection: Connection): void => connection.onProgress()
  private static readonly onClosed = (connection: Connection, error: TransportError | undefined): void =>
    connection.onClosed(error)
  private static readonly advance = (connection: Connection, now: number): void => connection.advance(now)
  private static readonly flush = (connection: Connection, now: number): void => connection.flush(now)
  private static readonly passDeadline = (connection: Connection, now: number): void => connection.passDeadline(now)
  private static readonly interrupt = (connection: Connection, reason: AbortReason): void =>
    connection.askAgain?.(reason)
  private static readonly endWork = (connection: Connection, ended: () => void): void =>
    connection.endApplication(ended)
  private static readonly settled = (connection: Connection, exchange: Exchange): void => connection.settled(exchange)
  private static readonly runHooks = (connection: Connection, exchange: Exchange): void => connection.runHooks(exchange)
  private static readonly goOn = (_: Connection, done: () => void): void => done()

  // ---------------------------------------------------------------------------------------------------------------
  // what the transport tells

  private onData(bytes: Uint8Array): void {
    // who reads twice in a turn has much to do: what it read first need not be joined with the rest
    if (this.awaitsTurn) this.advance()
    if (this.phase === "Lingering") return this.dropLingering(bytes.length)
    this.reader.receive(bytes)
    switch (this.phase) {
      case "Idle":
      case "Head":
        // it has had its share of this turn
        if (this.hasMore) break
        this.awaitsTurn = this.engine.turn.enter(this)
        if (!this.awaitsTurn) this.advance()
        return
      case "Busy":
        this.current?.body.notify()
        break
      case "Leftover":
        return this.dropLeftover()
      case "Flushing":
      case "Hooks":
      case "Detached":
    }
    this.limitReadAhead()
  }

  private onEnd(): void {
    if (this.awaitsTurn) this.advance()
    this.inputEnded = true
    switch (this.phase) {
      case "Idle":
      case "Head":
        return this.advance()
      case "Busy": {
        const exchange = this.current
        if (exchange === undefined) return
        if (this.config.halfClose === "abort") return this.abort("ClientGone")
        // what was sent before the end is still answered
        if (this.reader.buffered === 0) exchange.persistent = false
        this.awaitHalfClosed()
        return exchange.body.notify()
      }
      case "Leftover":
        return this.dropLeftover()
      case "Lingering":
        if (this.outbox.empty) this.close(Exit.void)
        return
      case "Flushing":
      case "Hooks":
      case "Detached":
    }
  }

  private onProgress(): void {
    this.deadlines.written()
    this.flush()
    if (this.outbox.full) return
    if (this.phase === "Idle" || this.phase === "Head") this.advance()
    else this.current?.roomAgain()
  }

  private onClosed(error: TransportError | undefined): void {
    if (this.awaitsTurn) this.advance()
    this.gone = true
    this.inputEnded = true
    if (error !== undefined && this.phase !== "Lingering") {
      // what a protocol of somebody else's fails with is for whoever runs it
      const level = this.phase === "Detached" && error.reason === "Other" ? "Info" : "Debug"
      this.engine.log(level, `${describe(error)} (${this.remoteName})`)
    }
    if (this.phase === "Head") {
      const refused = new RequestError({
        reason: "IncompleteHead",
        status: 400,
        description: "the client left within a head"
      })
      const at = this.outbox.queued
      this.refusal = { error: refused, line: this.reader.requestLine, begin: at, end: at, body: 0 }
    }
    this.close(this.exitOf(error))
  }

  // Was something cut short? What has taken the connection over ends with it.
  private exitOf(error: TransportError | undefined): Exit.Exit<unknown, unknown> {
    if (this.phase === "Detached") return error === undefined ? Exit.void : Exit.fail(error)
    return this.phase === "Busy" || this.phase === "Flushing" ? Exit.fail(error ?? "ClientGone") : Exit.void
  }

  // ---------------------------------------------------------------------------------------------------------------
  // reading requests

  takeShare(now: number): void {
    this.answered = 0
    if (this.hasMore) this.takeTurn(now)
  }

  takeTurn(now: number): void {
    if (this.awaitsTurn) this.transport.run(Connection.advance, this, now)
  }

  private advance(now?: number): void {
    if (this.advancing) return
    this.awaitsTurn = false
    this.hasMore = false
    this.advancing = true
    while ((this.phase === "Idle" || this.phase === "Head") && !this.closing && !this.outbox.full) {
      if (this.answered > 0 && this.reader.buffered > 0 && this.hadItsShare(now ??= this.time.now())) {
        this.hasMore = true
        this.awaitsTurn = true
        break
      }
      const message = this.reader.next()
      if (message === undefined) {
        this.awaitHead()
        break
      }
      if (message._tag === "RequestStart") {
        if (this.isMisdirected(message.head)) this.refuse(misdirected(), message.head.line)
        else this.begin(message, now ?? this.time.now())
      } else if (message._tag === "Failure") this.refuse(requestErrorFrom(message))
      // what comes behind the first begins when that has been answered
      now = this.phase === "Idle" && this.reader.buffered > 0 ? this.count(this.time.now()) : undefined
    }
    this.advancing = false
    // answers were held back so that they leave together
    if (this.unsettled.length > 0) this.sendAnswer()
    this.limitReadAhead()
  }

  // More has come already than was answered: others are not to wait for all of it.
  private count(now: number): number {
    if (this.answered++ === 0) {
      this.shareSince = now
      this.engine.turn.share(this)
    }
    return now
  }

  private hadItsShare(now: number): boolean {
    return this.answered >= mostAnswered || now - this.shareSince >= longestShare
  }

  private awaitHead(): void {
    if (this.inputEnded) {
      if (this.reader.inHead) {
        this.refuse(
          new RequestError({ reason: "IncompleteHead", status: 400, description: "the client stopped within a head" })
        )
      } else this.linger()
    } else if (this.phase === "Idle" && this.reader.inHead) {
      const now = this.time.now()
      this.phase = "Head"
      this.headSince = now
      this.deadlines.await("Head", this.config.timeouts.head, now)
      this.deadlines.awaitRequest(now)
    }
    // it may have been held back for an answer that nobody took
    this.readOn()
  }

  private begin(message: RequestStart, now: number): void {
    this.phase = "Busy"
    if (this.inputEnded) this.awaitHalfClosed()
    else this.deadlines.awaitNothing()
    this.requests++
    let body = noBody
    if (message.demands.framing._tag === "None") {
      // a request without a body has an end that costs nothing to read
      this.nextMessage()
    } else {
      body = new RequestBody(this)
      this.deadlines.awaitRequest(this.headSince ?? now)
    }
    this.headSince = undefined
    this.deadlines.awaitAnswer(now)
    this.engine.countSoon(now)
    const exchange = this.current = new Exchange(this, message.head, message.demands, body, now)
    this.beginTime = now
    try {
      this.engine.handler(exchange)
    } catch (error) {
      exchange.fail(error)
    }
    this.beginTime = undefined
  }

  // RFC 9110, 7.4: what was asked for is not here, and nobody is to believe that it came the way it says. A proxy may ask by
  // the scheme of its own connection here, or by that of its client.
  private isMisdirected(head: RequestHead): boolean {
    const { form } = head
    return form._tag === "Absolute" && form.scheme !== schemeOf(this.transport) &&
      form.scheme !== this.forwarding?.of(head)?.scheme
  }

  private refuse(error: RequestError, line = this.reader.requestLine): void {
    const text = `${error.message}\n`
    const begin = this.outbox.queued
    // RFC 9110, 9.3.2: to HEAD the head is the whole answer
    const body = line.startsWith("HEAD ") ? "" : text
    this.outbox.addText(refusalHead(error.status, text.length, this.config, this.time) + body)
    this.refusal = { error, line, begin, end: this.outbox.queued, body: body.length }
    this.linger()
  }

  // Once it is known what the client got: answers to earlier requests may still stand before it.
  private recordRefusal(): void {
    const refusal = this.refusal
    if (refusal === undefined) return
    this.refusal = undefined
    const wire = Math.max(0, Math.min(this.outbox.handed, refusal.end) - refusal.begin)
    const head = refusal.end - refusal.begin - refusal.body
    const bytes = { body: Math.max(0, wire - head), wire }
    this.engine.refused(this, refusal.error, refusal.line, bytes, this.headSince)
  }

  private limitReadAhead(): void {
    if (this.paused || this.gone || this.reader.buffered < mostReadAhead) return
    if (this.phase === "Detached" || this.phase === "Lingering") return
    // a head that is longer has limits of its own
    if ((this.phase === "Idle" || this.phase === "Head") && !this.outbox.full && !this.hasMore) return
    this.paused = true
    this.transport.pause()
  }

  private readOn(): void {
    if (!this.paused || this.gone) return
    this.paused = false
    this.transport.resume()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what a body asks

  nextMessage(): RequestMessage | undefined {
    const message = this.reader.next()
    if (message?._tag === "BodyEnd") this.deadlines.requestCame()
    if (this.paused && this.reader.buffered < mostReadAhead) this.readOn()
    return message
  }

  bodyAwaited(awaited: boolean): void {
    // nothing will come, whoever waits
    if (this.inputEnded) return
    if (awaited) {
      this.deadlines.awaitBody(this.current?.body.bytes ?? 0, this.time.now())
      this.readOn()
    } else this.deadlines.bodyCame(this.time.now())
  }

  payContinue(): void {
    this.current?.payContinue()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // what an exchange asks

  mayPersist(): boolean {
    return this.config.keepAlive && !this.closing && this.engine.mayPersist() &&
      !(this.inputEnded && this.reader.buffered === 0) && this.requests < this.config.limits.requestsPerConnection
  }

  prepareInterim(...given: Parameters<ExchangeHost["prepareInterim"]>): string | InterimError {
    return headText(this.engine.interimResponses, this.config, ...given)
  }

  expectAnotherBody(): void {
    this.reader.expectAnotherBody()
  }

  recently(): number {
    return this.beginTime ?? this.time.now()
  }

  flush(now?: number): void {
    this.holds = false
    if (this.gone) return
    const handed = this.outbox.flush()
    if (!handed || this.phase === "Busy") this.current?.headGiven()
    if (!handed) { for (const exchange of this.unsettled) exchange.headGiven() }
    if (handed) {
      this.deadlines.allWritten()
      this.allHanded(now)
    } else if (this.phase !== "Detached") this.deadlines.awaitWrite(this.outbox.handed, this.time.now())
  }

  completed(): void {
    const exchange = this.current
    if (exchange === undefined) return
    this.deadlines.answerBegan()
    if (this.advancing && exchange.persistent && exchange.body.complete && exchange.unattended && !this.outbox.full) {
      this.unsettled.push(exchange)
      this.current = undefined
      this.phase = "Idle"
      return
    }
    this.phase = "Flushing"
    this.sendAnswer()
  }

  // What ends an answer may leave with what ends those of other connections; whatever else is sent is not to wait.
  private sendAnswer(): void {
    if (this.holds) return
    this.holds = this.engine.turn.hold(this)
    if (!this.holds) this.flush()
  }

  sendHeld(): void {
    if (this.holds && !this.gone) this.outbox.flush()
  }

  heldSent(now: number): void {
    if (this.holds) this.transport.run(Connection.flush, this, now)
  }

  cut(): void {
    // what was given until here still goes, answers to earlier requests among it
    this.outbox.flush()
    this.close(Exit.fail(this.current?.error))
  }

  markIdle(): void {
    this.markedIdle = true
  }

  takenOver(): TakenOver {
    this.phase = "Detached"
    this.holds = false
    this.deadlines.close()
    this.readOn()
    this.outbox.flush()
    const stream = this.transport.detach(() => this.awaitTaken())
    if (this.transport.pending > 0) this.awaitTaken()
    return { stream, rest: this.reader.takeRest() }
  }

  // Who has it waits for its peer as long as the server would; who owes nothing waits for nobody.
  private awaitTaken(): void {
    if (!this.closing) this.deadlines.awaitTaken(this.transport.handed, this.time.now())
  }

  // Does the peer take something of what waits? Then it has as long again.
  private takesOn(): boolean {
    const { deadlines, transport } = this
    if (transport.pending > 0 && deadlines.takesNothing(transport.handed)) return false
    if (transport.pending > 0) this.awaitTaken()
    return true
  }

  runHook(hook: PostHook<unknown>, outcome: Outcome): void | Effect.Effect<unknown, never, unknown> {
    try {
      return this.engine.posthooks.run(hook, outcome, this.hookFailed)
    } catch (error) {
      this.hookFailed(Cause.die(error))
    }
  }

  private readonly hookFailed = (cause: Cause.Cause<unknown>): void => this.logFailure("a post hook failed", cause)

  runEffect(effect: Effect.Effect<unknown, never, unknown>, done: () => void, settings: HookSettings): void {
    // who ends a fiber may be somebody else
    this.engine.run(effect, () => this.transport.run(Connection.goOn, this, done), settings)
  }

  runDetached(hook: PostHook<unknown>, outcome: Outcome, settings: HookSettings): void {
    const rest = this.runHook(hook, outcome)
    if (rest !== undefined) this.engine.runDetached(rest, settings)
  }

  detach(): () => void {
    return this.engine.detach()
  }

  detachBriefly(): () => void {
    return this.engine.detachBriefly()
  }

  logFailure(message: string, cause: Cause.Cause<unknown>, level: "Debug" | "Error" = "Error"): void {
    const asked = this.current === undefined ? "" : `, ${requestName(this.current)}`
    this.engine.log(level, `${message} (${this.remoteName}${asked})`, cause)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // after the response

  // The kernel has taken everything that was sent.
  private allHanded(now?: number): void {
    this.settleUnattended(now)
    if (this.phase === "Lingering") {
      this.recordRefusal()
      this.sayEnd()
      // nothing can be unread in a peer that has said its end and taken everything
      if (this.inputEnded) this.close(Exit.void)
      return
    }
    if (this.phase === "Idle" && !this.advancing && this.isUnwanted) return this.linger()
    const exchange = this.current
    // who closes the connection ends the exchange as well
    if (this.phase !== "Flushing" || exchange === undefined || this.closing) return
    if (exchange.endsWithConnection) this.sayEnd()
    exchange.handedOver(now)
    exchange.settle()
    if (exchange.isRunning) exchange.whenEnded(() => this.transport.run(Connection.settled, this, exchange))
    else this.settled(exchange)
  }

  private settleUnattended(known?: number): void {
    if (this.unsettled.length === 0) return
    const now = known ?? this.time.now()
    if (this.phase === "Idle") this.deadlines.await("Idle", this.config.timeouts.idle, now)
    for (let exchange = this.unsettled.shift(); exchange !== undefined; exchange = this.unsettled.shift()) {
      exchange.overUnattended(now, this.closeReason)
      this.engine.record(this, exchange, now)
    }
  }

  private settled(exchange: Exchange): void {
    if (this.phase !== "Flushing") return
    exchange.body.close()
    if (exchange.persistent && !exchange.body.complete && !this.gone) {
      this.phase = "Leftover"
      this.leftoverBytes = 0
      this.deadlines.await("Leftover", this.config.timeouts.leftoverBody, this.time.now())
      this.dropLeftover()
    } else this.runHooks(exchange)
  }

  // The rest of a body that the application did not read stands between this request and the next.
  private dropLeftover(): void {
    const exchange = this.current
    if (exchange === undefined || this.phase !== "Leftover") return
    while (!this.closing) {
      const message = this.nextMessage()
      if (message === undefined) {
        if (!this.inputEnded) return this.readOn()
        break
      }
      if (message._tag === "BodyEnd") return this.runHooks(exchange)
      if (message._tag !== "BodyPiece") {
        const reason = message._tag === "Failure" ? message.message : "another request"
        this.engine.log("Info", `the rest of a body is malformed (${this.remoteName}) ${reason}`)
        break
      }
      this.leftoverBytes += message.bytes.length
      if (this.leftoverBytes > this.config.limits.leftoverBody) break
    }
    exchange.persistent = false
    this.runHooks(exchange)
  }

  private runHooks(exchange: Exchange): void {
    this.phase = "Hooks"
    this.deadlines.awaitNothing()
    this.deadlines.awaitEndForEver()
    this.deadlines.requestCame()
    exchange.body.close()
    exchange.runHooks()
  }

  hooksOver(): void {
    const exchange = this.current
    if (exchange === undefined) return
    const now = this.time.now()
    this.engine.record(this, exchange, now)
    this.concluded(exchange, now)
  }

  private concluded(exchange: Exchange, now: number): void {
    this.current = undefined
    const onConcluded = this.onConcluded
    if (onConcluded !== undefined) return onConcluded()
    if (!exchange.persistent && exchange.demands.asksClose && exchange.body.complete) return this.closeSoon()
    if (!exchange.persistent || this.gone || this.isUnwanted) return this.linger()
    this.phase = "Idle"
    this.deadlines.await("Idle", this.config.timeouts.idle, now)
    this.readOn()
    if (!this.advancing) this.advance(this.reader.buffered > 0 ? this.count(now) : undefined)
  }

  // Is its room needed, or the server stopping at once, and no request here already? The last answer could not tell the
  // client.
  private get isUnwanted(): boolean {
    return !this.engine.mayStay() && this.reader.buffered === 0
  }

  // A client that has said that this was its last request, and sent all of it, must not send more (RFC 9112, 9.6): there is
  // nothing that a close could turn into a reset, and to linger would cost a fifth of the connection. TLS says its end first.
  private closeSoon(): void {
    if (this.gone) return this.linger()
    if (this.reader.buffered > 0 || !this.outbox.empty || this.transport.tls !== undefined) return this.linger()
    this.phase = "Lingering"
    this.close(Exit.void)
  }

  // Sends FIN and reads on for a while: closing at once would reset the connection under the client's unread bytes, and
  // could take the response with them (RFC 9112, 9.6).
  private linger(): void {
    this.phase = "Lingering"
    if (this.gone) return this.close(Exit.void)
    const now = this.time.now()
    this.lingerUntil = now + this.config.timeouts.lingerTotal
    this.deadlines.requestCame()
    this.deadlines.answerBegan()
    this.awaitLast(now)
    this.readOn()
    this.flush()
  }

  private awaitLast(now: number): void {
    if (!this.outbox.empty) this.lingerUntil = now + this.config.timeouts.lingerTotal
    this.deadlines.await("Linger", Math.min(this.config.timeouts.linger, this.lingerUntil - now), now)
  }

  // A client that is still sending may read its answer only when it has sent everything.
  private dropLingering(bytes: number): void {
    this.lingerBytes += bytes
    if (this.lingerBytes > this.config.limits.linger) this.close(Exit.void)
    else this.awaitLast(this.time.now())
  }

  private sayEnd(): void {
    if (this.endSaid) return
    this.endSaid = true
    this.transport.end()
  }

  // ---------------------------------------------------------------------------------------------------------------
  // ending

  /** Is there nothing that closing would cut? */
  get isIdle(): boolean {
    return this.isAtRest || (this.phase === "Detached" && this.markedIdle)
  }

  /** Since when it waits for another request; `undefined` when it does not. */
  get idleSince(): number | undefined {
    return this.isAtRest && this.requests > 0 ? this.quietSince : undefined
  }

  private get isAtRest(): boolean {
    return this.phase === "Idle" && !this.awaitsTurn && this.outbox.empty
  }

  /** Ends the running exchange, if any, and the connection. What came first is the reason. */
  abort(reason: AbortReason): void {
    // the answer says that the connection closes, and then it does
    if (reason === "Stopped" && !this.closing && this.current?.isUninterruptible === true) return
    if (!this.closing) this.closeReason = reason
    else if (reason === "Stopped") this.transport.run(Connection.interrupt, this, reason)
    this.close(Exit.fail(reason))
  }

  /** The server stops, and this has no end of its own: whoever can say goodbye is told to, an event stream is ended. */
  sayGoodbye(): void {
    const exchange = this.current
    if (exchange === undefined || this.closing) return
    if (exchange.isEndless) this.abort("Stopped")
    else if (exchange.detached) {
      this.saidGoodbye = true
      exchange.sayGoodbye()
    }
  }

  /** Would closing cut an exchange short? */
  get isBusy(): boolean {
    return this.awaitsTurn || this.phase === "Head" || this.phase === "Busy" || this.phase === "Flushing" ||
      this.phase === "Detached"
  }

  /** Closes the scope, and with it everything. */
  close(exit: Exit.Exit<unknown, unknown>): void {
    if (this.closing) return
    this.closing = true
    this.scope.unsafeClose(exit)
  }

  // The application does not end: what it does from here on reaches nobody, and the post hooks run without it.
  private abandon(): void {
    this.abandoned = true
    this.transport.destroy()
    this.current?.abandon()
  }

  endWork(ended: () => void): void {
    // somebody else has closed the scope
    if (!this.closing) this.closeReason = "Closed"
    this.closing = true
    this.deadlines.close()
    // whoever is cut short must not take it for an end
    this.endsAtRest = this.isAtRest
    this.transport.run(Connection.endWork, this, ended)
  }

  private endApplication(ended: () => void): void {
    const exchange = this.current
    if (exchange === undefined || this.phase === "Leftover" || this.phase === "Hooks") return ended()
    this.interrupt(exchange, this.closeReason, ended)
  }

  private interrupt(exchange: Exchange, reason: AbortReason, ended: () => void): void {
    this.deadlines.awaitEnd(this.time.now())
    this.askAgain = undefined
    const plea = exchange.interrupt(reason, () => {
      this.deadlines.awaitEndForEver()
      this.askAgain = undefined
      ended()
    })
    if (plea === undefined) return
    if (plea === "RunsOn") this.deadlines.awaitEndForEver()
    // nobody is there to hear of it
    this.transport.destroy()
    this.askAgain = (reason) => this.interrupt(exchange, this.saidGoodbye ? "Stopped" : reason, ended)
  }

  runHooksLeft(done: () => void): void {
    this.settleUnattended()
    this.recordRefusal()
    const exchange = this.current
    if (exchange === undefined) return done()
    this.onConcluded = done
    if (this.phase === "Hooks") return
    exchange.persistent = false
    exchange.settle(this.closeReason)
    exchange.whenEnded(() => this.transport.run(Connection.runHooks, this, exchange))
  }

  runFinalizers(finalizers: Effect.Effect<void>, over: () => void): void {
    const logged = Effect.catchAllCause(
      finalizers,
      (cause) => Effect.sync(() => this.logFailure("a finalizer of the socket's scope failed", cause))
    )
    this.runEffect(logged, over, undefined)
  }

  closeSocket(): void {
    try {
      if (this.endsAtRest && !this.gone) this.transport.end()
      this.transport.destroy()
    } finally {
      this.ended(this)
    }
  }

  // ---------------------------------------------------------------------------------------------------------------
  // deadlines

  /** Since when it waits for what it awaits of the peer. */
  get quietSince(): number {
    return this.deadlines.quietSince
  }

  /** The earliest deadline there is; `Infinity` without one. */
  get nextDeadline(): number {
    return this.deadlines.next
  }

  private awaitHalfClosed(): void {
    this.halfClosedAt = this.outbox.handed
    this.deadlines.await("HalfClosed", this.config.timeouts.halfClose, this.time.now())
  }

  /** Acts on deadlines that have passed. */
  sweep(now: number): void {
    // what it waited for may be here
    this.takeTurn(now)
    if (now >= this.deadlines.next) this.transport.run(Connection.passDeadline, this, now)
  }

  private passDeadline(now: number): void {
    const passed = this.deadlines.take(now, this.current?.body.bytes ?? 0, this.outbox.handed)
    if (passed === undefined) return
    // who still takes what was sent is not late; how slowly it may, the deadlines for writes say
    if (passed === "Linger" && !this.outbox.empty) return this.awaitLast(now)
    if (passed !== "Linger" && passed !== "Interrupt") this.logTimeout()
    switch (passed) {
      case "FirstRequest":
      case "Idle":
      case "Linger":
        return this.close(Exit.void)
      case "Head":
        return this.refuse(headTimeout("the head did not come in time"))
      case "Request":
        if (this.phase === "Head") return this.refuse(headTimeout("the request did not come in time"))
        return this.current?.body.fail(bodyTimeout("the request did not come in time (timeouts.request)"))
      case "Body":
        return this.current?.body.fail(bodyTimeout("the body did not come in time"))
      case "BodyPace":
        return this.current?.body.fail(bodyTimeout("the body comes too slowly (rates.body)"))
      case "HalfClosed":
        if (this.outbox.handed > this.halfClosedAt) return this.awaitHalfClosed()
        return this.abort("ClientGone")
      case "Leftover": {
        const exchange = this.current
        if (exchange === undefined) return
        exchange.persistent = false
        return this.runHooks(exchange)
      }
      case "Handler":
        return this.answerForHandler()
      case "Write":
        if (this.phase === "Detached" && this.takesOn()) return
        return this.abort("WriteTimeout")
      case "DownloadPace":
        return this.abort("WriteTimeout")
      case "Interrupt":
        return this.askAgain === undefined ? this.abandon() : this.askAgain(this.closeReason)
    }
  }

  // The client need not wait any longer. The application is told to end, and the hooks wait until it has.
  private answerForHandler(): void {
    const exchange = this.current
    if (exchange === undefined || this.phase !== "Busy" || exchange.headSent) return
    this.deadlines.awaitEnd(this.time.now())
    if (exchange.timeOut() === "RunsOn") this.deadlines.awaitEndForEver()
  }

  private logTimeout(): void {
    this.engine.log("Debug", `timed out (${this.remoteName})`)
  }

  /** The peer, for the log. */
  get remoteName(): string {
    return Address.peerName(this.transport.remote)
  }
}

/** A request refused before there was an exchange: where its answer is on the wire, and how long the body of it is. */
interface Refusal {
  readonly error: RequestError
  /** The request line, as far as it could be read. */
  readonly line: string
  readonly begin: number
  readonly end: number
  readonly body: number
}

const headTimeout = (description: string): RequestError =>
  new RequestError({ reason: "HeadTimeout", status: 408, description })

const bodyTimeout = (description: string): BodyError => new BodyError({ reason: "Timeout", status: 408, description })

const misdirected = (): RequestError =>
  new RequestError({
    reason: "Misdirected",
    status: 421,
    description: "the scheme of the request target is not that of the connection"
  })

const refusalHead = (status: number, bodyLength: number, config: Config, time: Time): string => {
  const fields = [["Content-Type", "text/plain; charset=utf-8"]] as const
  const head = prepare({ status, fields }, {
    // whatever the method was: it may not be known, and the connection closes
    method: "GET",
    minorVersion: config.maxMinorVersion,
    persistent: false,
    asksKeepAlive: false,
    keepAliveSeconds: undefined,
    bodyLength,
    date: time.date(time.now()),
    fieldCase: config.fieldCase
  })
  return head._tag === "PreparedHead" ? head.text : ""
}

const describe = (error: TransportError): string =>
  error.reason === "Reset" ? "connection reset by peer" : error.message
