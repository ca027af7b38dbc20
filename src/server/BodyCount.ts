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
  // what the kernel surely has, and the first part that it may not have taken yet: most bodies are one part
  private before = 0
  private position = 0
  private length = 0
  // positions and lengths of the parts behind it
  private later: Array<number> | undefined = undefined

  /** A part of the body goes out at a position on the wire; `handed` is how far the kernel has come. */
  add(position: number, length: number, handed: number): void {
    while (this.length > 0 && this.position + this.length <= handed) {
      this.before += this.length
      this.position = this.later?.shift() ?? 0
      this.length = this.later?.shift() ?? 0
    }
    if (this.length > 0) (this.later ??= []).push(position, length)
    else {
      this.position = position
      this.length = length
    }
  }

  /** Body bytes before a position on the wire. */
  until(position: number): number {
    let bytes = this.before + within(position - this.position, this.length)
    const later = this.later ?? none
    for (let i = 0; i < later.length; i += 2) bytes += within(position - later[i], later[i + 1])
    return bytes
  }
}

const none: ReadonlyArray<number> = []

const within = (distance: number, length: number): number => Math.max(0, Math.min(distance, length))
