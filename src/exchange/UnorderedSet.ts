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
  /** The index of the member, which the set writes; negative while it is in none. */
  index: number
}

/**
 * The set is an array, because the tables that a growing `Set` leaves behind keep former members alive through the collections of
 * young objects. These took 12 ms with a `Set`, and take 1 ms with an array (test/bench/README.md).
 *
 * @since 0.1.0
 * @category models
 */
export class UnorderedSet<Member extends Indexed> {
  private readonly members: Array<Member> = []

  get size(): number {
    return this.members.length
  }

  /** Copy the set first if members are deleted meanwhile. */
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
