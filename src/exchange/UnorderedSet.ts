/**
 * A set in an array, in which each member has its index.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Indexed {
  /** Its index, which the set writes; negative while it is in none. */
  index: number
}

/**
 * An array, because the tables that a growing Set leaves behind keep former members alive through the collections of young
 * objects, which took 12 ms so, and take 1 ms (test/bench/README.md).
 *
 * @since 0.1.0
 * @category models
 */
export class UnorderedSet<Member extends Indexed> {
  private readonly members: Array<Member> = []

  get size(): number {
    return this.members.length
  }

  /** Copy it first, where members are deleted meanwhile. */
  [Symbol.iterator](): IterableIterator<Member> {
    return this.members.values()
  }

  add(member: Member): void {
    if (member.index < 0) member.index = this.members.push(member) - 1
  }

  /** The last member takes its index. */
  delete(member: Member): void {
    if (member.index < 0) return
    const last = this.members.pop()
    if (last !== undefined && last !== member) {
      this.members[member.index] = last
      last.index = member.index
    }
    member.index = -1
  }
}
