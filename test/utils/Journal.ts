/** Events in order, for tests that wait for them. */
export class Journal<A> {
  readonly entries: Array<A> = []
  private waiting: Array<() => void> = []

  push(entry: A): void {
    this.entries.push(entry)
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** The first entry that fits, as soon as there is one. */
  async find(like: (entry: A) => boolean): Promise<A> {
    while (true) {
      const found = this.entries.find(like)
      if (found !== undefined) return found
      await this.more()
    }
  }

  /** The first `length` entries, as soon as there are as many. */
  async first(length: number): Promise<ReadonlyArray<A>> {
    while (this.entries.length < length) await this.more()
    return this.entries.slice(0, length)
  }

  /** Takes all entries so far out of the journal. */
  take(): ReadonlyArray<A> {
    return this.entries.splice(0)
  }

  private more(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }
}

/** Lets a number of turns of the event loop pass. */
export const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Waits until a value no longer changes. Both ends of a connection are in this process, so if nothing moves in `forTurns` turns,
 * nothing will.
 */
export const atRest = async (value: () => number, forTurns = 50): Promise<number> => {
  while (true) {
    const before = value()
    await turns(forTurns)
    if (value() === before) return before
  }
}
