/** Applications for several tests, at every door. */
import { gate } from "../utils/gate.js"
import type { Body, Call } from "./everyDoor.js"

/** Notes that it works, waits until it is interrupted, and notes that. */
export const workUntilInterrupted = ({ note, signal }: Call): Promise<never> => {
  const interrupted = new Promise<never>((_, reject) =>
    signal.addEventListener("abort", () => {
      note("interrupted")
      reject(new Error("interrupted"))
    })
  )
  note("at work")
  return interrupted
}

/** A body that has `parts` parts, waits until it is ended, and notes that. */
export const endlessBody = ({ note }: Call, part: Uint8Array, parts: number): Body => {
  const over = gate<IteratorReturnResult<undefined>>()
  let given = 0
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => ++given > parts ? over.opened : { done: false, value: part },
      return: async () => {
        note("stream over")
        over.open({ done: true, value: undefined })
        return over.opened
      }
    })
  }
}
