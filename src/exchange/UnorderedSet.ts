/**
 * A set whose members come and go all the time: each knows its index in an array.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Indexed {
  /** Its index in the set, which sets it; negative outside. */
  index: number
}

/**
 * An array and not a Set: the tables that a Set leaves behind keep each other, and all that was ever in them, through the
 * collections of young objects. Unordered.
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
