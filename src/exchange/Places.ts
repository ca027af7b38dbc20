/**
 * A collection whose members come and go all the time: each knows its place in an array.
 *
 * @since 0.1.0
 */

/**
 * @since 0.1.0
 * @category models
 */
export interface Placed {
  /** Where it stands in its collection; negative where it does not. The collection sets it. */
  place: number
}

/**
 * An array and not a Set: the tables that a Set leaves behind keep each other, and all that was ever in them, through the
 * collections of young objects. Its order is none.
 *
 * @since 0.1.0
 * @category models
 */
export class Places<Member extends Placed> {
  private readonly members: Array<Member> = []

  get size(): number {
    return this.members.length
  }

  /** As they stand: who lets members go meanwhile copies them before. */
  [Symbol.iterator](): IterableIterator<Member> {
    return this.members.values()
  }

  add(member: Member): void {
    if (member.place < 0) member.place = this.members.push(member) - 1
  }

  /** The last one takes its place. */
  delete(member: Member): void {
    if (member.place < 0) return
    const last = this.members.pop()
    if (last !== undefined && last !== member) {
      this.members[member.place] = last
      last.place = member.place
    }
    member.place = -1
  }
}
