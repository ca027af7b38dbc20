/**
 * Names that are nearly right. Plain Node: a worker looks for the export that was meant.
 *
 * @since 0.2.0
 */
import { distanceOf } from "../server/OptionNames.js"

/**
 * What was meant by a name that there is not, if it is near enough to one that there is.
 *
 * @since 0.2.0
 * @category accessors
 */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const [best] = known
    .map((candidate) => ({ candidate, distance: distanceOf(name, candidate) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((one, other) => one.distance - other.distance)
  return best?.candidate
}
