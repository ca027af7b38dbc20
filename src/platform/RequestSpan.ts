/**
 * A request's span that is made when it is first read.
 *
 * Spans of Effect's own tracer are invisible outside the program, so a span that the program does not read is not made.
 * `HttpMiddleware.tracer` makes the span, so it is the one that the platform makes.
 *
 * @since 0.1.0
 */
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import type { HttpServerResponse } from "@effect/platform/HttpServerResponse"
import type { Context } from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import { constFalse, constTrue } from "effect/Function"
import type { Option } from "effect/Option"
import * as Tracer from "effect/Tracer"

/**
 * An open span, and the function that ends it.
 *
 * @since 0.1.0
 * @category models
 */
export interface OpenSpan {
  readonly span: Tracer.Span
  readonly finish: (exit: Exit.Exit<HttpServerResponse, unknown>) => void
}

/**
 * The span of a request. It makes the real span when it is first read.
 *
 * @since 0.1.0
 * @category models
 */
export class RequestSpan implements Tracer.Span {
  readonly _tag = "Span"
  private opened: OpenSpan | undefined = undefined
  // attributes that were set before the span is made: routers set the route of every request, and that must not make it
  private pending: Map<string, unknown> | undefined = undefined

  constructor(private readonly opener: { readonly openSpan: () => OpenSpan }) {}

  /** Whether the span was made. */
  get isMade(): boolean {
    return this.opened !== undefined
  }

  /** Ends the span, if it was made. */
  finish(exit: Exit.Exit<HttpServerResponse, unknown>): void {
    this.opened?.finish(exit)
  }

  get name(): string {
    return this.span.name
  }

  get spanId(): string {
    return this.span.spanId
  }

  get traceId(): string {
    return this.span.traceId
  }

  get parent(): Option<Tracer.AnySpan> {
    return this.span.parent
  }

  get context(): Context<never> {
    return this.span.context
  }

  get status(): Tracer.SpanStatus {
    return this.span.status
  }

  get attributes(): ReadonlyMap<string, unknown> {
    return this.span.attributes
  }

  get links(): ReadonlyArray<Tracer.SpanLink> {
    return this.span.links
  }

  get sampled(): boolean {
    return this.span.sampled
  }

  get kind(): Tracer.SpanKind {
    return this.span.kind
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.span.end(endTime, exit)
  }

  attribute(key: string, value: unknown): void {
    if (this.opened === undefined) (this.pending ??= new Map()).set(key, value)
    else this.opened.span.attribute(key, value)
  }

  event(name: string, startTime: bigint, attributes?: Record<string, unknown>): void {
    this.span.event(name, startTime, attributes)
  }

  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    this.span.addLinks(links)
  }

  private get span(): Tracer.Span {
    if (this.opened === undefined) {
      this.opened = this.opener.openSpan()
      this.pending?.forEach((value, key) => this.span.attribute(key, value))
    }
    return this.opened.span
  }
}

/**
 * Keeps the platform from making a span for the request.
 *
 * @since 0.1.0
 * @category combinators
 */
export const untraced = Effect.locally(HttpMiddleware.currentTracerDisabledWhen, constTrue)

/**
 * Makes the platform make a span for the request. It does not call `tracerDisabledWhen` again, because that may answer
 * differently.
 *
 * @since 0.1.0
 * @category combinators
 */
export const traced = Effect.locally(HttpMiddleware.currentTracerDisabledWhen, constFalse)

/**
 * Makes the spans of an effect begin when the request did, and not when they are made. `age` is the age of the request in
 * milliseconds.
 *
 * @since 0.2.0
 * @category combinators
 */
export const startingWith = <A, E, R>(
  self: Effect.Effect<A, E, R>,
  request: { readonly age: number }
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Effect.tracer, (tracer) =>
    Effect.withTracer(
      self,
      Tracer.make({
        span: (name, parent, context, links, now, kind, options) => {
          // all times are 0 if timing is off
          const startTime = now === 0n ? now : now - BigInt(Math.round(request.age * 1e6))
          return tracer.span(name, parent, context, links, startTime, kind, options)
        },
        context: (f, fiber) => tracer.context(f, fiber)
      })
    ))
