/**
 * How much of a response body the kernel has taken, when it went out between heads and chunk sizes.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export class BodyCount {
  // position on the wire and length of parts that the kernel may not have taken yet; before them, what it surely has
  private readonly marks: Array<number> = []
  private before = 0

  /** A part of the body goes out at a position on the wire; `handed` is how far the kernel has come. */
  add(position: number, length: number, handed: number): void {
    const marks = this.marks
    let taken = 0
    while (taken < marks.length && marks[taken] + marks[taken + 1] <= handed) {
      this.before += marks[taken + 1]
      taken += 2
    }
    if (taken > 0) marks.splice(0, taken)
    marks.push(position, length)
  }

  /** Body bytes before a position on the wire. */
  until(position: number): number {
    let bytes = this.before
    for (let i = 0; i < this.marks.length; i += 2) {
      bytes += Math.max(0, Math.min(position - this.marks[i], this.marks[i + 1]))
    }
    return bytes
  }
}
