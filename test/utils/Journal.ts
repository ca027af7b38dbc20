/** What happened, in order, for tests that wait for it to happen. */
export class Journal<A> {
  readonly entries: Array<A> = []
  private waiting: Array<() => void> = []

  push(entry: A): void {
    this.entries.push(entry)
    for (const resolve of this.waiting.splice(0)) resolve()
  }

  /** The first entry that is like this, as soon as there is one. */
  async find(like: (entry: A) => boolean): Promise<A> {
    while (true) {
      const found = this.entries.find(like)
      if (found !== undefined) return found
      await this.more()
    }
  }

  /** The first `length` entries, as soon as there are so many. */
  async first(length: number): Promise<ReadonlyArray<A>> {
    while (this.entries.length < length) await this.more()
    return this.entries.slice(0, length)
  }

  /** All entries so far, which it then has no more. */
  take(): ReadonlyArray<A> {
    return this.entries.splice(0)
  }

  private more(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve))
  }
}

/** Lets so many turns of the event loop pass. */
export const turns = async (count: number): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}

/**
 * Waits until a value has come to rest: both ends of a connection live in this process, so where nothing moves in so many
 * turns nothing will.
 */
export const atRest = async (value: () => number, forTurns = 50): Promise<number> => {
  while (true) {
    const before = value()
    await turns(forTurns)
    if (value() === before) return before
  }
}
