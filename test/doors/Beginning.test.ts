/**
 * An application that ends its own connection before its handler has returned, and goes on: it is interrupted, its request's
 * scope closes, then the hooks run, then the line is logged, and a stop waits for all of it.
 *
 * The family: the scope is closed, or the server is stopped, before and after hooks and finalizers are added, with and without a
 * body, by an application that then works, reads, answers, or fails. server/Beginning.test.ts has delays and other ends, and
 * exchange/Beginning.test.ts all that an exchange may be told.
 */
import { describe, expect, it } from "vitest"
import { named } from "../platform/scene.js"
import { turns } from "../utils/Journal.js"
import { get, postOf } from "../utils/requests.js"
import { type Call, everyDoor, scoped, type Script, type Served } from "./everyDoor.js"
import { workUntilInterrupted } from "./scripts.js"

const watch = (call: Call): void => {
  call.finalizer((exit) => call.note(`scope ${exit}`))
  call.hook(async (outcome) => {
    await turns(3)
    call.note(`hook ${outcome === undefined ? "" : named(outcome)}`)
  })
}

const closes = (call: Call): void => {
  call.note("closes")
  call.closeSocket()
}

/** Sends a request, stops the server as soon as the application has begun its end, and returns the notes. */
const notesOf = async ({ client, journal, stop }: Served, bytes = get()): Promise<ReadonlyArray<string>> => {
  client.send(bytes)
  await journal.first(1)
  await stop()
  journal.push("stopped")
  return journal.entries
}

describe.each(everyDoor)("%s", (door, serve) => {
  // at the plain door the connection was taken over, and its application is not told why it ends
  const [exit, hook, status] = door === "plain TypeScript"
    ? ["", "Sent undefined", 101]
    : ["Stopped", "Aborted Closed undefined", 503]
  const over = (exit: string) => [...scoped(door, exit), `hook ${hook}`, `log ${status}`, "stopped"]
  const interrupted = ["closes", "at work", "interrupted", ...over(exit)]

  it.each<[does: string, script: Script, notes: ReadonlyArray<string>, bytes?: string]>([
    ["is interrupted", (call) => {
      watch(call)
      closes(call)
      return workUntilInterrupted(call)
    }, interrupted],
    ["is interrupted, and what it adds later runs all the same", (call) => {
      closes(call)
      watch(call)
      return workUntilInterrupted(call)
    }, interrupted],
    [
      "is interrupted while it reads",
      (call) => {
        watch(call)
        closes(call)
        call.read().catch(() => undefined)
        return workUntilInterrupted(call)
      },
      interrupted,
      postOf(3, "a")
    ],
    ["has its answer dropped", (call) => {
      watch(call)
      closes(call)
      return "late"
    }, ["closes", ...over(exit)]],
    ["has its failure dropped", (call) => {
      watch(call)
      closes(call)
      throw new Error("late")
    }, ["closes", ...over(exit)]]
  ])("an application that closes its socket at once %s", async (_, script, notes, bytes) => {
    await using served = await serve(script)
    expect(await notesOf(served, bytes)).toEqual(notes)
  })

  it("an application that stops its server at once is interrupted, and the stop waits for it", async () => {
    const stops: Array<Promise<unknown>> = []
    await using served: Served = await serve((call) => {
      watch(call)
      call.note("stops")
      stops.push(served.stop({ grace: 0 }))
      return workUntilInterrupted(call)
    })
    served.client.send(get())
    await served.journal.first(1)
    await Promise.all(stops)
    expect([...served.journal.entries, stops.length]).toEqual([
      "stops",
      "at work",
      "interrupted",
      ...scoped(door, "Stopped"),
      "hook Aborted Stopped undefined",
      "log 503",
      1
    ])
  })
})
