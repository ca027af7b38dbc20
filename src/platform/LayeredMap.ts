/**
 * The services of a request: a few of its own above many that it shares with all others.
 *
 * @since 0.1.0
 */

/**
 * A Map above another, which it looks into and never writes to. To copy the other for each request would be a tenth of
 * what a request costs; it is copied when somebody wants to see all there is, as Effect does to add a service.
 *
 * @since 0.1.0
 * @category models
 */
export class LayeredMap extends Map<string, unknown> {
  constructor(private below: ReadonlyMap<string, unknown>) {
    super()
  }

  override get(key: string): unknown {
    return super.has(key) ? super.get(key) : this.below.get(key)
  }

  override has(key: string): boolean {
    return super.has(key) || this.below.has(key)
  }

  override delete(key: string): boolean {
    this.join()
    return super.delete(key)
  }

  override clear(): void {
    this.below = nothing
    super.clear()
  }

  override get size(): number {
    this.join()
    return super.size
  }

  override keys() {
    this.join()
    return super.keys()
  }

  override values() {
    this.join()
    return super.values()
  }

  override entries() {
    this.join()
    return super.entries()
  }

  override [Symbol.iterator]() {
    return this.entries()
  }

  override forEach(visit: (value: unknown, key: string, map: Map<string, unknown>) => void): void {
    this.join()
    super.forEach(visit)
  }

  private join(): void {
    if (this.below === nothing) return
    for (const [key, value] of this.below) if (!super.has(key)) super.set(key, value)
    this.below = nothing
  }
}

const nothing: ReadonlyMap<string, unknown> = new Map()
