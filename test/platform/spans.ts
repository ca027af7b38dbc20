/** A tracer that keeps its spans. */
import type * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Tracer from "effect/Tracer"

class KeptSpan implements Tracer.Span {
  readonly _tag = "Span"
  readonly spanId: string
  readonly traceId: string
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  readonly links: Array<Tracer.SpanLink>
  readonly events: Array<string> = []
  status: Tracer.SpanStatus

  constructor(
    id: number,
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Tracer.Span["context"],
    links: ReadonlyArray<Tracer.SpanLink>,
    startTime: bigint,
    readonly kind: Tracer.SpanKind
  ) {
    this.spanId = String(id).padStart(16, "0")
    this.traceId = Option.isSome(parent) ? parent.value.traceId : String(id).padStart(32, "0")
    this.links = [...links]
    this.status = { _tag: "Started", startTime }
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    if (this.status._tag === "Ended") throw new Error(`the span ${this.name} has ended already`)
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }

  event(name: string): void {
    this.events.push(name)
  }

  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    this.links.push(...links)
  }
}

export class Spans {
  readonly all: Array<KeptSpan> = []

  readonly layer = Layer.setTracer(Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const span = new KeptSpan(this.all.length + 1, name, parent, context, links, startTime, kind)
      this.all.push(span)
      return span
    },
    context: (run) => run()
  }))

  /** Names of the spans that have not ended. */
  get open(): ReadonlyArray<string> {
    return this.all.filter((span) => span.status._tag === "Started").map((span) => span.name)
  }

  /** The response statuses of spans whose names begin with `name`. */
  statuses(name: string): ReadonlyArray<unknown> {
    return this.all.filter((span) => span.name.startsWith(name))
      .map((span) => span.attributes.get("http.response.status_code"))
  }
}
