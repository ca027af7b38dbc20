/**
 * The 100 that a client waits for before it sends the body, and the fields set for it (RFC 9110, 10.1.1).
 *
 * @since 0.2.0
 */
import type { InterimHead } from "../protocol/interimHead.js"
import type { FieldCase, FieldPairs } from "../protocol/responseHead.js"
import type { InterimError } from "./ServerError.js"

/**
 * @since 0.2.0
 * @category models
 */
export class OwedContinue {
  private givenFields: FieldPairs = none
  private givenCase: FieldCase | undefined = undefined
  private judgedHead: InterimHead | InterimError | undefined = undefined

  /** @param isOwed does the client wait for it, and has none been sent? */
  constructor(private isOwed: boolean) {}

  get owed(): boolean {
    return this.isOwed
  }

  get fields(): FieldPairs {
    return this.givenFields
  }

  get fieldCase(): FieldCase | undefined {
    return this.givenCase
  }

  /** The head made of the fields when they were set, for the next 100. A further one is judged anew. */
  get judged(): InterimHead | InterimError | undefined {
    return this.judgedHead
  }

  set(fields: FieldPairs, fieldCase: FieldCase, judged: InterimHead | InterimError): void {
    this.givenFields = fields
    this.givenCase = fieldCase
    this.judgedHead = judged
  }

  /** It is sent, or no longer can be. */
  paid(): void {
    this.isOwed = false
    this.judgedHead = undefined
  }
}

const none: FieldPairs = []
