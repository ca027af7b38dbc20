/** A wire in memory, which frames nothing and records what it is told. */
import * as Effect from "effect/Effect"
import * as Scope from "effect/Scope"
import { AcceptedPeer } from "../../src/exchange/AcceptedPeer.js"
import type { InterruptListener } from "../../src/exchange/CarriedExchange.js"
import type { Engine } from "../../src/exchange/Engine.js"
import { type BodySource, noBody, ReceivedBody } from "../../src/exchange/ReceivedBody.js"
import { ServedExchange } from "../../src/exchange/ServedExchange.js"
import type { ReuseRefusal, Takeover, Wire } from "../../src/exchange/Wire.js"
import { RequestReader } from "../../src/protocol/h1/requestReader.js"
import {
  type FieldWriter,
  type InterimHead,
  type JudgedHead,
  noContent,
  type ResponseLength,
  responseLength
} from "../../src/protocol/heads.js"
import type { RequestHead } from "../../src/protocol/requestHead.js"
import * as Config from "../../src/server/Config.js"

const address = { _tag: "Tcp", host: "127.0.0.1", port: 50_000 } as const

const usual = Config.make()

export interface Settings {
  readonly config?: Config.PartialConfig
  readonly method?: string
  readonly expectsContinue?: boolean
  /** Whether the request has a body, whose pieces are given to `arrive`. */
  readonly hasBody?: boolean
  /** The policy for interim responses. */
  readonly allowInterim?: Engine["allowInterim"]
}

const requestOf = (method: string): RequestHead => {
  const reader = new RequestReader()
  reader.receive(Buffer.from(`${method} ${method === "CONNECT" ? "a:1" : "/"} HTTP/1.1\r\nHost: a\r\n\r\n`))
  const message = reader.next()
  if (message?._tag !== "RequestStart") throw new Error("no request")
  return message.head
}

/** For interruptions whose end does not matter. */
export const unheard: InterruptListener = { onEnded: () => undefined, onDelayed: () => undefined }

/** Fields of a wire that sends pairs, as HPACK does: names are in lower case, and the connection adds none. */
type Written = ReadonlyArray<readonly [name: string, value: string]>

const writer: FieldWriter<Written> = {
  none: [],
  add: (before, name, given, value) => name.role === "Connection" ? before : [...before, [given.toLowerCase(), value]],
  isWritten: (fields): fields is Written => Array.isArray(fields)
}

export class MemoryWire implements Wire<Written>, BodySource {
  /** What the wire and its server were told, in order. */
  readonly told: Array<string> = []
  readonly logged: Array<string> = []
  /** The number of interim heads that were judged. */
  judged = 0
  /** The number of final heads that it has prepared. */
  prepared = 0
  /** Ends of hooks that return an Effect: they run until they are ended here. */
  readonly hooksHeld: Array<() => void> = []
  readonly request: RequestHead
  readonly writer = writer
  readonly exactWriter = writer
  interimRefusal: string | undefined = undefined
  mayBeTakenOver = true
  readonly upgrade = ""
  readonly expectsContinue: boolean
  readonly body: ReceivedBody
  readonly peer: AcceptedPeer
  readonly scope = Effect.runSync(Scope.make())
  readonly exchange: ServedExchange<Written>
  fullWrite = false
  congested = false
  isSent = false
  bodySent = 0
  totalSent = 0
  ended = false
  now = 0
  private ready: JudgedHead<Written> | undefined = undefined
  private readonly pieces: Array<Uint8Array> = []

  constructor(settings: Settings = {}) {
    const held: { tick: number | undefined } = { tick: undefined }
    const engine: Engine = {
      config: settings.config === undefined ? usual : Config.make(settings.config),
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
      allowInterim: (request, status, fields) => {
        this.judged++
        return settings.allowInterim === undefined ? fields : settings.allowInterim(request, status, fields)
      },
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
    this.request = requestOf(settings.method ?? "GET")
    this.expectsContinue = settings.expectsContinue === true
    this.body = settings.hasBody === true ? new ReceivedBody(this, true, undefined) : noBody
    this.exchange = new ServedExchange(this, 0)
  }

  /** Lets a piece of the body arrive. */
  arrive(text: string): void {
    this.pieces.push(Buffer.from(text))
    this.exchange.bodyArrived()
  }

  /** Lets the kernel take everything. */
  take(): void {
    this.isSent = true
    if (this.exchange.allSent(false)) this.exchangeOver()
  }

  mayRead(): boolean {
    return true
  }

  nextMessage(): ReturnType<BodySource["nextMessage"]> {
    const bytes = this.pieces.shift()
    if (bytes === undefined) return undefined
    return bytes.length === 0 ? { _tag: "BodyEnd", trailers: [] } : { _tag: "BodyPiece", bytes }
  }

  bodyAwaited(_body: ReceivedBody, awaited: boolean): void {
    this.told.push(awaited ? "body awaited" : "body not awaited")
  }

  sendInterim({ fields, status }: InterimHead<Written>): void {
    this.told.push(`interim ${status} ${JSON.stringify(fields)}`)
  }

  prepare(head: JudgedHead<Written>, bodyLength: number | undefined): ResponseLength {
    this.prepared++
    this.ready = head
    return responseLength(head, this.request.method, bodyLength)
  }

  begin(): void {
    const { fields = [], status } = this.ready ?? {}
    this.told.push(`head ${status}${fields.length === 0 ? "" : ` ${JSON.stringify(fields)}`}`)
  }

  sendWhole(head: JudgedHead<Written>, body: string | Uint8Array, length: number): ResponseLength {
    const declared = this.prepare(head, length)
    if (declared !== length && declared !== noContent) return declared
    this.begin()
    if (declared > 0) this.write(body)
    this.end()
    return declared
  }

  write(part: string | Uint8Array): void {
    this.told.push(`write ${Buffer.from(part).toString()}`)
  }

  end(trailers: Written = []): void {
    this.told.push(trailers.length === 0 ? "end" : `end ${JSON.stringify(trailers)}`)
  }

  cut(): void {
    this.told.push("cut")
  }

  flush(): void {
    this.told.push("flush")
  }

  refuseReuse(why: ReuseRefusal): void {
    this.told.push(`reuse refused: ${why}`)
  }

  dropBody(): boolean {
    this.told.push("drop body")
    return false
  }

  finishing(): void {
    this.told.push("finishing")
  }

  exchangeOver(): void {
    this.told.push("over")
  }

  takeOver(): Takeover | undefined {
    this.told.push("take over")
    return !this.mayBeTakenOver ? undefined : { stream: undefined, rest: new Uint8Array(0) }
  }

  markIdle(): void {
    this.told.push("idle")
  }
}
