/** A wire that carries nothing: it frames nothing, and records what it is told. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { AcceptedPeer } from "../../src/exchange/AcceptedPeer.js"
import type { Engine } from "../../src/exchange/Engine.js"
import { type BodySource, noBody, ReceivedBody } from "../../src/exchange/ReceivedBody.js"
import { ServedExchange } from "../../src/exchange/ServedExchange.js"
import { InterimError } from "../../src/exchange/ServerError.js"
import { type BodyRoom, noBody as noRoom, type Takeover, type Wire, type Withdrawal } from "../../src/exchange/Wire.js"
import type { InterimHead } from "../../src/protocol/interimHead.js"
import type { RequestHead } from "../../src/protocol/requestHead.js"
import { RequestReader } from "../../src/protocol/requestReader.js"
import {
  draft,
  type FieldPairs,
  type HeadDraft,
  type InvalidHead,
  type ResponseHead
} from "../../src/protocol/responseHead.js"
import * as Config from "../../src/server/Config.js"

const address = { _tag: "Tcp", host: "127.0.0.1", port: 50_000 } as const

export interface Settings {
  readonly config?: Config.Partial
  readonly expectsContinue?: boolean
  /** Does the request have a body, whose pieces are given to `arrive`? */
  readonly hasBody?: boolean
  /** Answers a policy of interim responses. */
  readonly allowInterim?: Engine["allowInterim"]
}

const requestOf = (): RequestHead => {
  const reader = new RequestReader()
  reader.receive(Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
  const message = reader.next()
  if (message?._tag !== "RequestStart") throw new Error("no request")
  return message.head
}

export class MemoryWire implements Wire, BodySource {
  /** What it was told, and what its server was, in order. */
  readonly told: Array<string> = []
  readonly logged: Array<string> = []
  /** How many interim heads it has judged. */
  judged = 0
  /** How many final heads it has prepared. */
  prepared = 0
  /** Ends of hooks that return an Effect: they run until they are ended here. */
  readonly hooksHeld: Array<() => void> = []
  readonly request = requestOf()
  readonly upgrade = ""
  readonly expectsContinue: boolean
  readonly body: ReceivedBody
  readonly peer: AcceptedPeer
  readonly scope = Effect.runSync(Scope.make())
  readonly exchange: ServedExchange
  status: number | undefined = undefined
  room: BodyRoom = noRoom
  isEndless = false
  isReady = false
  isFull = false
  isSent = false
  bodySent = 0
  totalSent = 0
  inputEnded = false
  now = 0
  private ready = 0
  private readonly pieces: Array<Uint8Array> = []

  constructor(settings: Settings = {}) {
    const held: { tick: number | undefined } = { tick: undefined }
    const engine: Engine = {
      config: Config.make(settings.config),
      time: {
        now: () => this.now,
        tick: () => held.tick ?? this.now,
        hold: (now) => {
          held.tick = now
        },
        release: () => {
          held.tick = undefined
        },
        shown: (now) => now,
        date: String,
        follow: () => undefined,
        afterReading: (callback) => callback()
      },
      allowInterim: settings.allowInterim ?? ((_request, _status, fields) => fields),
      runHook: (hook, outcome, failed) => {
        try {
          const rest = hook(outcome)
          if (Effect.isEffect(rest)) return Effect.orDie(rest)
        } catch (error) {
          failed(error)
        }
      },
      run: (_effect, done) => void this.hooksHeld.push(done),
      runDetached: () => undefined,
      detach: () => () => void this.told.push("detached work is over"),
      detachBriefly: () => () => void this.told.push("detached finalizers are over"),
      log: (_level, message) => void this.logged.push(typeof message === "string" ? message : message()),
      failureText: String
    }
    this.peer = new AcceptedPeer(1, engine, {
      local: address,
      remote: address,
      tls: undefined,
      run: (callback, first, second) => callback(first, second)
    })
    this.expectsContinue = settings.expectsContinue === true
    this.body = settings.hasBody === true ? new ReceivedBody(this, true, undefined) : noBody
    this.exchange = new ServedExchange(this, 0)
  }

  /** A piece of the body comes. */
  arrive(text: string): void {
    this.pieces.push(Buffer.from(text))
    this.exchange.bodyArrived()
  }

  /** The kernel takes all. */
  take(): void {
    this.isSent = true
    if (this.exchange.allSent(false)) this.over()
  }

  mayRead(): boolean {
    return true
  }

  nextMessage(): ReturnType<BodySource["nextMessage"]> {
    const bytes = this.pieces.shift()
    if (bytes === undefined) return undefined
    return bytes.length === 0 ? { _tag: "BodyEnd", trailers: [] } : { _tag: "BodyPiece", bytes }
  }

  bodyAwaited(awaited: boolean): void {
    this.told.push(awaited ? "body awaited" : "body not awaited")
  }

  judgeInterim(status: number, fields: FieldPairs): InterimHead | InterimError {
    this.judged++
    const allowed = this.peer.engine.allowInterim(this.request, status, fields)
    return allowed instanceof InterimError
      ? allowed
      : { _tag: "InterimHead", status, lines: JSON.stringify([...allowed]) }
  }

  interim(status: number, fields: FieldPairs): InterimError | undefined {
    const head = this.judgeInterim(status, fields)
    if (head._tag !== "InterimHead") return head
    this.sendInterim(head)
    return undefined
  }

  sendInterim({ lines, status }: InterimHead): void {
    this.told.push(`interim ${status} ${lines}`)
  }

  draft(head: ResponseHead): HeadDraft | InvalidHead {
    return draft(head)
  }

  prepare(head: ResponseHead | HeadDraft, bodyLength: number | undefined): BodyRoom | InvalidHead {
    this.prepared++
    const drafted = "_tag" in head ? head : draft(head)
    if (drafted._tag === "InvalidHead") return drafted
    this.ready = drafted.status
    return this.room = drafted.status === 204 ? noRoom : drafted.contentLength ?? bodyLength ?? Infinity
  }

  begin(): void {
    this.status = this.ready
    this.told.push(`head ${this.ready}`)
  }

  sendWhole(head: ResponseHead | HeadDraft, body: string | Uint8Array, length: number): BodyRoom | InvalidHead {
    const room = this.prepare(head, length)
    if (room !== length && room !== noRoom) return room
    this.begin()
    if (room > 0) this.write(body)
    this.end()
    return room
  }

  write(part: string | Uint8Array): void {
    this.told.push(`write ${Buffer.from(part).toString()}`)
  }

  end(): void {
    this.told.push("end")
  }

  cut(): void {
    this.told.push("cut")
  }

  flush(): void {
    this.told.push("flush")
  }

  withdraw(why: Withdrawal): void {
    this.told.push(`withdraw: ${why}`)
  }

  reopenBody(): boolean {
    return false
  }

  drain(): boolean {
    this.told.push("drain")
    return false
  }

  over(): void {
    this.told.push("over")
  }

  detach(): Takeover {
    this.told.push("detach")
    return { stream: undefined, rest: new Uint8Array(0) }
  }

  markIdle(): void {
    this.told.push("idle")
  }
}
