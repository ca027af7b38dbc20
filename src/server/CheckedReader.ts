/**
 * Readers of a replaced `RequestParser`. Their answers are checked, because a promise would be read again and again for ever, and
 * its rejection would end the process.
 *
 * @since 0.2.0
 */
import type * as Context from "effect/Context"
import * as Predicate from "effect/Predicate"
import { mustReturn } from "./mustReturn.js"
import type { Reader, RequestParser } from "./RequestParser.js"
import { isUsual } from "./usualParser.js"

/**
 * Makes the reader of a connection. Throws if what the service returns is none.
 *
 * @since 0.2.0
 * @category constructors
 */
export const makeReader = (parser: Context.Tag.Service<RequestParser>): Reader => {
  const reader = parser.make()
  if (isUsual(parser)) return reader
  if (isReader(reader)) return new CheckedReader(reader)
  const remedy = "it cannot wait; run Effects where its layer is built, by Layer.effect"
  throw mustReturn("make of the service RequestParser", "a reader", reader, remedy)
}

const isReader = (given: unknown): boolean =>
  Predicate.hasProperty(given, "receive") && Predicate.isFunction(given.receive) &&
  Predicate.hasProperty(given, "next") && Predicate.isFunction(given.next)

type Message = Exclude<ReturnType<Reader["next"]>, undefined>

class CheckedReader implements Reader {
  constructor(private readonly reader: Reader) {}

  get buffered(): number {
    return this.reader.buffered
  }

  get inHead(): boolean {
    return this.reader.inHead
  }

  get requestLine(): string {
    return this.reader.requestLine
  }

  receive(bytes: Uint8Array): void {
    const returned: unknown = this.reader.receive(bytes)
    if (typeof returned === "object" && returned !== null) throw refused("receive", "nothing", returned)
  }

  next(): Message | undefined {
    const message = this.reader.next()
    if (message === undefined || isMessage(message)) return message
    throw refused("next", "a message or undefined", message)
  }

  expectAnotherBody(): void {
    this.reader.expectAnotherBody()
  }

  takeRest(): Uint8Array {
    return this.reader.takeRest()
  }
}

const tags: ReadonlySet<unknown> = new Set<Message["_tag"]>(["RequestStart", "BodyPiece", "BodyEnd", "Failure"])

const isMessage = (given: unknown): boolean => Predicate.hasProperty(given, "_tag") && tags.has(given._tag)

const refused = (method: string, expected: string, returned: unknown): TypeError =>
  mustReturn(`${method} of a reader of the service RequestParser`, expected, returned, "it cannot wait")
