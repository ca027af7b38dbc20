/**
 * An HTTP/1 connection, as its server knows it: it is opened, watched, and ended in order.
 *
 * The transport's events drive it in plain functions: there is no fiber for a connection or for a read. Its Scope ends it in
 * three steps: the running application ends, the post hooks run, the transport closes.
 *
 * @since 0.1.0
 */
import { AcceptedPeer } from "../exchange/AcceptedPeer.js"
import type { AbortReason } from "../exchange/Outcome.js"
import type { TransportError } from "../exchange/ServerError.js"
import type { Activity, Session, SessionPlace, SessionScope } from "../exchange/Session.js"
import { attempt } from "../transport/attempt.js"
import type { Transport, TransportEvents } from "../transport/Transport.js"
import { Http1Connection } from "./Http1Connection.js"
import type { Http1Host } from "./Http1Host.js"
import { Http1Place } from "./Http1Place.js"
import { Lateness } from "./Lateness.js"
import { describe, incompleteHead, noPlace } from "./refusals.js"

/**
 * @since 0.1.0
 * @category models
 */
export class Http1Session implements Session {
  readonly peer: AcceptedPeer
  readonly scope: SessionScope
  readonly place: SessionPlace
  index = -1
  private readonly connection: Http1Connection
  private readonly lateness: Lateness

  constructor(
    id: number,
    private readonly transport: Transport,
    private readonly host: Http1Host,
    share: SessionPlace["addressShare"]
  ) {
    this.peer = new AcceptedPeer(id, host, transport)
    this.scope = host.scopeFor(this)
    this.connection = new Http1Connection(this, transport, host)
    this.lateness = new Lateness(this.connection)
    this.place = new Http1Place(this.connection, this.lateness, share)
  }

  open(): void {
    const { connection } = this
    attempt(connection, Http1Session.open, this, {
      data: (bytes: Uint8Array) => attempt(connection, Http1Session.receive, connection, bytes),
      end: () => attempt(connection, Http1Session.onEnd, this, undefined),
      progress: () => attempt(connection, Http1Connection.sendMore, connection, undefined),
      closed: (error: TransportError | undefined) => attempt(connection, Http1Session.onClosed, this, error)
    })
  }

  // These run in the connection's own async context. They are static, so that no call makes a closure.
  private static readonly open = ({ peer, transport }: Http1Session, events: TransportEvents): void =>
    peer.run(Http1Session.openTransport, transport, events)
  private static readonly openTransport = (transport: Transport, events: TransportEvents): void =>
    transport.open(events)
  private static readonly receive = (connection: Http1Connection, bytes: Uint8Array): void => connection.receive(bytes)
  private static readonly onEnd = (session: Http1Session): void => session.onEnd()
  private static readonly onClosed = (session: Http1Session, error: TransportError | undefined): void =>
    session.onClosed(error)
  private static readonly sweep = (session: Http1Session): void => session.passDeadlines()
  private static readonly passDeadline = (session: Http1Session): void => session.lateness.pass()
  private static readonly abort = ({ end, exchange }: Http1Connection, reason: AbortReason): void =>
    end.abort(exchange, reason)
  private static readonly close = ({ end }: Http1Connection): void => end.close("the server stops")
  private static readonly sayGoodbye = ({ end, exchange }: Http1Connection): void => end.sayGoodbye(exchange)
  private static readonly endExchange = (session: Http1Session, ended: () => void): void => session.endExchange(ended)

  // ---------------------------------------------------------------------------------------------------------------
  // what the server sees

  get activity(): Activity {
    try {
      return this.currentActivity
    } catch {
      // the transport throws, which the next event of the connection reports
      return "Lingering"
    }
  }

  private get currentActivity(): Activity {
    const { end, exchange, isAtRest, isReading, phase, takenOver } = this.connection
    // hooks and finalizers of a connection that ends may still run
    if (isAtRest || takenOver?.isIdle === true) return end.isBegun ? "Lingering" : "Idle"
    return isReading || phase === "Waiting" || phase === "TakenOver" ||
        (phase === "Busy" && exchange?.hasEnded !== true)
      ? "Busy"
      : "Lingering"
  }

  get quietSince(): number {
    return this.connection.deadlines.quietSince
  }

  get abandoned(): boolean {
    return this.connection.end.abandoned
  }

  get nextDeadline(): number {
    const { deadlines, end, socketEnd } = this.connection
    return Math.min(deadlines.next, end.deadline, socketEnd.deadline)
  }

  sweep(): void {
    attempt(this.connection, Http1Session.sweep, this, undefined)
  }

  private passDeadlines(): void {
    const { connection } = this
    // the awaited bytes may be among those that were read
    connection.answerRead()
    if (this.host.time.tick() >= this.nextDeadline) this.peer.run(Http1Session.passDeadline, this, undefined)
  }

  // ---------------------------------------------------------------------------------------------------------------
  // how the peer leaves

  private onEnd(): void {
    const { connection, host } = this
    connection.answerRead()
    const { deadlines, end, exchange, inflow, phase, queue, wire } = connection
    inflow.end()
    switch (phase) {
      case "Idle":
      case "Head":
        return connection.advance()
      case "Busy":
        if (exchange?.stage === "Dropping") return connection.dropLeftover()
        if (exchange === undefined) return
        if (exchange.isFinishing) return wire?.finishing()
        if (exchange.answerEnded) return
        if (host.config.halfClose === "abort") return this.abort("ClientGone")
        // requests that arrived before the end are still answered
        if (inflow.buffered === 0) wire?.refuseReuse("the client has closed its sending half")
        deadlines.awaitHalfClosed(queue.handed)
        return exchange.bodyArrived()
      case "Lingering":
        if (queue.empty) end.close()
        return
      case "Waiting":
        if (host.config.halfClose === "abort") end.close("the client has closed its sending half")
        return
      case "TakenOver":
    }
  }

  private onClosed(error: TransportError | undefined): void {
    this.connection.answerRead()
    const { claim, end, exchange, inflow, leaving, phase, reader } = this.connection
    inflow.lose()
    if (error !== undefined && phase !== "Lingering") {
      // failures of the protocol that has taken over concern the operator
      const level = phase === "TakenOver" && error.reason === "Other" ? "Info" : "Debug"
      this.host.log(level, `${describe(error)} (${this.peer.name})`)
    }
    if (phase === "Head") leaving.lose(incompleteHead("the client left within a head"), reader.requestLine)
    else if (phase !== "Busy" && claim.request !== undefined) leaving.lose(noPlace(), claim.request.head.line)
    // the application that has taken the connection over ends with it
    if (phase === "TakenOver") {
      if (error === undefined) end.close("the connection was taken over")
      else end.closeWith(error, "the client has left")
    } else if (exchange === undefined || exchange.hasEnded) end.close("the client has left")
    else end.closeWith(error ?? "ClientGone", "the client has left")
  }

  // ---------------------------------------------------------------------------------------------------------------
  // how the server ends it

  abort(reason: AbortReason): void {
    attempt(this.connection, Http1Session.abort, this.connection, reason)
  }

  close(): void {
    attempt(this.connection, Http1Session.close, this.connection, undefined)
  }

  drain(): void {
    // HTTP/1 can only say so in the head of its next answer
    this.connection.end.drain()
  }

  sayGoodbye(): void {
    attempt(this.connection, Http1Session.sayGoodbye, this.connection, undefined)
  }

  broken(error: unknown): void {
    this.connection.broken(error)
  }

  endWork(ended: () => void): void {
    const { end, leaving, takenOver, wire } = this.connection
    end.scopeCloses()
    leaving.end(takenOver?.isIdle ?? wire?.isComplete ?? true)
    this.connection.endReading()
    this.peer.run(Http1Session.endExchange, this, ended)
  }

  private endExchange(ended: () => void): void {
    const { end, exchange } = this.connection
    if (exchange === undefined) ended()
    else end.interrupt(exchange, ended)
  }

  runHooks(done: () => void): void {
    const { connection } = this
    const { end, exchange } = connection
    connection.concludeUnattended()
    connection.leaving.recordRefused()
    if (exchange === undefined) done()
    else end.runHooks(exchange, done)
    connection.socketEnd.awaitHooks()
  }

  closeSocket(): void {
    this.connection.socketEnd.closeSocket()
  }
}
