/** A server at any door, one client, an application that tells when it works, and what is seen of its end. */
import type { Outcome } from "tsgi"
import { gate } from "../utils/gate.js"
import { type Call, type Options, scoped, type Script, type Serve, type Served } from "./everyDoor.js"

/** The gates that the application and the test share. */
export class Stage {
  /** Opens when the application works. */
  readonly working = gate()
  /** Opens when the application may go on. */
  readonly go = gate()
  /** How many times the application's iterator was closed, by its end or from outside. */
  closed = 0

  /** The wait of the application, which ends when the test says so, or the exchange is aborted. */
  async wait({ signal }: Call): Promise<void> {
    this.working.open()
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve()
      else signal.addEventListener("abort", () => resolve(), { once: true })
    })
    await Promise.race([this.go.opened, aborted])
  }
}

/** Makes an application for a stage. */
export type MakeScript = (stage: Stage) => Script

export interface Scene {
  readonly served: Served
  readonly stage: Stage
  /** The outcomes that the hooks were given. */
  readonly outcomes: ReadonlyArray<Outcome | undefined>
  /** Resolves when the exchange's access-log line was written. */
  readonly logged: () => Promise<unknown>
}

/** The notes of one exchange's end: the request's scope, and three hooks, before the line of the log. */
export const registered = (door: string): ReadonlyArray<string> => [
  ...scoped(door, "over"),
  "first",
  "second",
  "third"
]

/** Serves the application once, with three hooks, the middle one asynchronous. Later requests are answered without. */
export const open = async (serve: Serve, makeScript: MakeScript, options: Options): Promise<Scene> => {
  const stage = new Stage()
  const script = makeScript(stage)
  const outcomes: Array<Outcome | undefined> = []
  let isFirst = true
  const served = await serve((call) => {
    if (!isFirst) return "again"
    isFirst = false
    const noted = (name: string) => (outcome: Outcome | undefined): void => {
      call.note(name)
      outcomes.push(outcome)
    }
    call.finalizer(() => call.note("scope over"))
    call.hook(noted("first"))
    call.hook(async (outcome) => {
      await new Promise((resolve) => setImmediate(resolve))
      noted("second")(outcome)
    })
    call.hook(noted("third"))
    return script(call)
  }, { sockets: true, halfClose: "answer", gathersNothing: true, ...options })
  return { served, stage, outcomes, logged: () => served.records.first(1) }
}
