/**
 * The 100 for which a client waits before it sends the body, and the fields set for it (RFC 9110, 10.1.1).
 *
 * @since 0.2.0
 */
import type { FieldPairs, InterimHead } from "../protocol/heads.js"
import type { InterimError } from "./ServerError.js"

/**
 * @since 0.2.0
 * @category models
 */
export class OwedContinue<Written> {
  private givenFields: FieldPairs = none
  private areNamesExact = false
  private isRefused = false
  private judgedHead: InterimHead<Written> | InterimError | undefined = undefined

  /** @param isOwed whether the client waits for it, and none has been sent */
  constructor(private isOwed: boolean) {}

  get owed(): boolean {
    return this.isOwed
  }

  get fields(): FieldPairs {
    return this.givenFields
  }

  /** Whether fields were set for it. */
  get hasFields(): boolean {
    return this.givenFields !== none
  }

  get exactNames(): boolean {
    return this.areNamesExact
  }

  /** The head that was judged when the fields were set, for the next 100. A further one is judged anew. */
  get judged(): InterimHead<Written> | InterimError | undefined {
    return this.judgedHead
  }

  set(fields: FieldPairs, exactNames: boolean, judged: InterimHead<Written> | InterimError): void {
    this.givenFields = fields
    this.areNamesExact = exactNames
    this.judgedHead = judged
  }

  /** Called when the 100 was sent. */
  paid(): void {
    this.isOwed = false
    this.judgedHead = undefined
  }

  /** Called when the first read must not send the 100. It stays owed, and only the application may still send it. */
  refuse(): void {
    this.isRefused = true
  }

  get refused(): boolean {
    return this.isRefused
  }
}

const none: FieldPairs = []
