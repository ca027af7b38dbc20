/** Everything that can be observed of a server: spans, scopes, the exits that middleware sees, log lines. */
import type * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import { clientAbortFiberId } from "@effect/platform/HttpServerError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HashMap from "effect/HashMap"
import * as List from "effect/List"
import * as Logger from "effect/Logger"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Scope from "effect/Scope"
import * as Tracer from "effect/Tracer"
import { Journal } from "../utils/Journal.js"
import type { Observation } from "./answers.js"

/** What observes the server, and so how much it must make. */
export interface Mode {
  readonly name: string
  /** Whether there is a tracer other than Effect's own. */
  readonly traced: boolean
  /** Whether there is middleware around the app. */
  readonly wrapped: boolean
  /** Whether the app adds a finalizer and reads the current span. */
  readonly looks: boolean
}

export const modes: ReadonlyArray<Mode> = [
  { name: "nobody looks", traced: false, wrapped: false, looks: false },
  { name: "the app looks", traced: false, wrapped: false, looks: true },
  { name: "a tracer looks", traced: true, wrapped: false, looks: true },
  { name: "middleware and a tracer look", traced: true, wrapped: true, looks: true }
]

interface Note {
  readonly name: string
  readonly value: string
}

/** Names an error, a defect or an interruption in words that are the same in every run. */
const inWords = (value: unknown): string =>
  HttpServerResponse.isServerResponse(value)
    ? `response ${value.status}`
    : Predicate.hasProperty(value, "_tag")
    ? `${String(value._tag)}${value instanceof Error ? `: ${value.message}` : ""}`
    : value instanceof Error
    ? `${value.name}: ${value.message}`
    : String(value)

export const causeInWords = (cause: Cause.Cause<unknown>): string =>
  Cause.match(cause, {
    onEmpty: "empty",
    onFail: (error) => `fail(${inWords(error)})`,
    onDie: (defect) => `die(${inWords(defect)})`,
    onInterrupt: (id) => id === clientAbortFiberId ? "interrupt(client)" : "interrupt",
    onSequential: (left, right) => `${left} then ${right}`,
    onParallel: (left, right) => `${left} with ${right}`
  })

const exitInWords = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.match(exit, {
    onFailure: causeInWords,
    onSuccess: (value) => HttpServerResponse.isServerResponse(value) ? inWords(value) : "success"
  })

/** Notes everything that happens on one server. */
export class Observer {
  private readonly notes = new Journal<Note>()
  private spans: Array<SeenSpan> = []

  constructor(readonly mode: Mode) {}

  note(name: string, value: string): void {
    this.notes.push({ name, value })
  }

  /** Waits until the scope of the running request has closed. */
  async scopeClosed(): Promise<void> {
    await this.notes.find((note) => note.name === "scope exit")
  }

  /** Takes the notes since the last call. */
  take(): Observation {
    const seen: Record<string, string> = {}
    const counts = new Map<string, number>()
    for (const { name, value } of this.notes.take()) {
      const count = counts.get(name) ?? 0
      counts.set(name, count + 1)
      seen[count === 0 ? name : `${name} #${count + 1}`] = value
    }
    this.spans.forEach((span, i) => Object.assign(seen, span.inWords(`span ${i + 1}`)))
    this.spans = []
    return seen
  }

  readonly tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const span = new SeenSpan(this.spans.length + 1, name, parent, context, links, startTime, kind)
      this.spans.push(span)
      return span
    },
    context: (run) => run()
  })

  readonly logger = Logger.make(({ annotations, cause, logLevel, message, spans }) => {
    const text = Array.isArray(message) ? message.map(inLog).join(" ") : inLog(message)
    const labels = List.toArray(spans).map((span) => span.label)
    const marks = [...HashMap.entries(annotations)].map(([key, value]) => `${key}=${String(value)}`).sort()
    const failure = Cause.isEmpty(cause) ? [] : [causeInWords(cause)]
    const line = [logLevel.label, text, ...marks, ...labels, ...failure].join(" ")
    this.note("log", line.replaceAll(/\(127\.0\.0\.1:\d+\)/g, "(<client>)"))
  })

  /** Wraps a server so that the scopes and spans of its requests are noted as the mode says. */
  watch(server: HttpServer.HttpServer): HttpServer.HttpServer {
    return HttpServer.make({
      address: server.address,
      serve: (app, middleware) => {
        if (middleware === undefined && !this.mode.wrapped) return server.serve(this.look(app))
        return server.serve(app, (inner) => this.view(this.look(middleware === undefined ? inner : middleware(inner))))
      }
    })
  }

  private look<E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R> {
    if (!this.mode.looks) return app
    // a server gives every request a scope, but the types of middleware do not say so
    const scoped = Effect.flatMap(Effect.serviceOption(Scope.Scope), (scope) =>
      Option.isNone(scope)
        ? Effect.sync(() => this.note("scope exit", "there is no scope"))
        : Scope.addFinalizerExit(
          scope.value,
          (exit) => Effect.sync(() => this.note("scope exit", exitInWords(Exit.asVoid(exit))))
        ))
    const span = Effect.flatMap(Effect.option(Effect.currentSpan), (found) =>
      Effect.sync(() => {
        if (Option.isNone(found)) return this.note("current span", "none")
        this.note("current span", `${found.value.name} (${found.value.kind}) in ${parentInWords(found.value.parent)}`)
        this.noteAttributes("current span", found.value)
        if (!this.mode.traced) this.nativeSpans.push(found.value)
      }))
    return Effect.zipRight(Effect.zipRight(scoped, span), app)
  }

  // spans of the native tracer are noted when the exchange is over
  private readonly nativeSpans: Array<Tracer.Span> = []

  private noteAttributes(prefix: string, span: Tracer.Span): void {
    for (const [name, value] of span.attributes) this.note(`${prefix} ${name}`, attributeInWords(name, value))
  }

  /** Notes how the native spans have ended. */
  noteNativeSpans(): void {
    for (const span of this.nativeSpans.splice(0)) {
      this.note("native span", span.status._tag === "Ended" ? exitInWords(span.status.exit) : span.status._tag)
      this.noteAttributes("native span", span)
    }
  }

  private view<E, R>(app: HttpApp.Default<E, R>): HttpApp.Default<E, R> {
    if (!this.mode.wrapped) return app
    return Effect.onExit(app, (exit) => Effect.sync(() => this.note("middleware sees", exitInWords(exit))))
  }
}

// every client makes another one
const attributeInWords = (name: string, value: unknown): string =>
  name === "http.request.header.sec-websocket-key" ? "<key>" : String(value)

const inLog = (part: unknown): string => Cause.isCause(part) ? causeInWords(part) : String(part)

const parentInWords = (parent: Option.Option<Tracer.AnySpan>): string =>
  Option.match(parent, {
    onNone: () => "none",
    onSome: (span) =>
      span._tag === "ExternalSpan"
        ? `external ${span.traceId}/${span.spanId} ${span.sampled ? "sampled" : "not sampled"}`
        : span instanceof SeenSpan
        ? `${span.name} (${span.spanId})`
        : span.name
  })

class SeenSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly spanId: string
  readonly traceId: string
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  private readonly events: Array<string> = []
  status: Tracer.SpanStatus

  constructor(
    id: number,
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Tracer.Span["context"],
    readonly links: ReadonlyArray<Tracer.SpanLink>,
    startTime: bigint,
    readonly kind: Tracer.SpanKind
  ) {
    this.spanId = String(id)
    this.traceId = Option.match(parent, { onNone: () => "trace", onSome: (span) => span.traceId })
    this.status = { _tag: "Started", startTime }
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.status._tag === "Ended") this.events.push("ended again")
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }

  event(name: string): void {
    this.events.push(name)
  }

  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    this.events.push(`${links.length} links`)
  }

  inWords(prefix: string): Observation {
    const seen: Record<string, string> = {
      [prefix]: `${this.name} (${this.kind}) of ${this.traceId} in ${parentInWords(this.parent)}`,
      [`${prefix} end`]: this.status._tag === "Ended" ? exitInWords(this.status.exit) : "never",
      [`${prefix} attribute names`]: [...this.attributes.keys()].join(" ")
    }
    for (const [name, value] of this.attributes) seen[`${prefix} ${name}`] = attributeInWords(name, value)
    if (this.events.length > 0) seen[`${prefix} events`] = this.events.join(" ")
    return seen
  }
}
