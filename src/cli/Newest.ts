/**
 * @since 0.2.0
 */

/**
 * The newest of the values that were added.
 *
 * @since 0.2.0
 * @category models
 */
export class Newest<A> {
  private readonly entries: Array<A> = []

  constructor(private readonly most: number) {}

  /** The values, latest first. */
  get all(): ReadonlyArray<A> {
    return [...this.entries]
  }

  add(entry: A): void {
    this.entries.unshift(entry)
    if (this.entries.length > this.most) this.entries.pop()
  }
}
