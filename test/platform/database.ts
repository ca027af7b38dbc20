/** A resource that handlers use and that is released. It counts uses after that. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Served } from "./scene.js"

export class Database {
  isOpen = false
  /** All queries. */
  queries = 0
  /** Queries before it was open or after it was closed. */
  late = 0

  readonly query: Effect.Effect<void> = Effect.sync(() => {
    this.queries++
    if (!this.isOpen) this.late++
  })
}

/** Serves with a database that is open for as long as the layers below what is served live. */
export const using = (database: Database, served: Served): Served =>
  Layer.provide(
    served,
    Layer.scopedDiscard(
      Effect.acquireRelease(
        Effect.sync(() => {
          database.isOpen = true
        }),
        () =>
          Effect.sync(() => {
            database.isOpen = false
          })
      )
    )
  )
