/**
 * The services of a request: its own, those that all requests share, and the scope of its socket.
 *
 * @since 0.1.0
 */
import type * as Scope from "effect/Scope"
import { SocketScope } from "../server/SocketScope.js"

/**
 * A Map on top of another one, which it only reads. The other one is only copied when all entries are read, as Effect does to add
 * a service. Until then the socket's scope is not an entry, because a fifth entry would make the map allocate 200 bytes more (npm
 * run bench:guard).
 *
 * @since 0.1.0
 * @category models
 */
export class LayeredMap extends Map<string, unknown> {
  constructor(private below: ReadonlyMap<string, unknown>, private socketScope?: Scope.Scope) {
    super()
  }

  override get(key: string): unknown {
    if (super.has(key)) return super.get(key)
    return key === socketScopeKey && this.socketScope !== undefined ? this.socketScope : this.below.get(key)
  }

  override has(key: string): boolean {
    return super.has(key) || (key === socketScopeKey && this.socketScope !== undefined) || this.below.has(key)
  }

  override delete(key: string): boolean {
    this.join()
    return super.delete(key)
  }

  override clear(): void {
    this.below = nothing
    this.socketScope = undefined
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
    if (this.socketScope !== undefined && !super.has(socketScopeKey)) super.set(socketScopeKey, this.socketScope)
    this.socketScope = undefined
    for (const [key, value] of this.below) if (!super.has(key)) super.set(key, value)
    this.below = nothing
  }
}

const nothing: ReadonlyMap<string, unknown> = new Map()
const socketScopeKey = SocketScope.key
