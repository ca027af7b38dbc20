/**
 * Counts the bytes of a response body that the kernel has taken, among heads and chunk sizes.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export class BodyCount {
  // bytes of parts that the kernel has taken whole; the constructor's part is the first that it may not have taken
  private before = 0
  // positions and lengths of the parts after that
  private readonly later: Array<number> = []

  constructor(private position: number, private length: number) {}

  /**
   * Called when a part of the body is sent at a position on the wire. `handed` is the position up to which the kernel has taken
   * all.
   */
  add(position: number, length: number, handed: number): void {
    while (this.length > 0 && this.position + this.length <= handed) {
      this.before += this.length
      this.position = this.later.shift() ?? 0
      this.length = this.later.shift() ?? 0
    }
    if (this.length > 0) this.later.push(position, length)
    else {
      this.position = position
      this.length = length
    }
  }

  /** Body bytes before a position on the wire. */
  until(position: number): number {
    const { later } = this
    let bytes = this.before + within(position - this.position, this.length)
    for (let i = 0; i < later.length; i += 2) bytes += within(position - later[i], later[i + 1])
    return bytes
  }
}

/** How many bytes of a part precede a position, which is at this distance from the start of the part. */
export const within = (distance: number, length: number): number => Math.max(0, Math.min(distance, length))
