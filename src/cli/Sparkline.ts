/**
 * Draws figures over time as a small line in SVG.
 *
 * @since 0.2.0
 */

/** The most figures in a line. */
const length = 60
const height = 16

/**
 * The sum of several series, aligned at the newest figure.
 *
 * @since 0.2.0
 * @category conversions
 */
export const sum = (series: ReadonlyArray<ReadonlyArray<number>>): ReadonlyArray<number> =>
  Array.from(
    { length: Math.max(0, ...series.map(({ length }) => length)) },
    (_, i) => series.reduce((sum, figures) => sum + (figures.at(-1 - i) ?? 0), 0)
  ).reverse()

/**
 * Draws a line with the newest figure on the right. With fewer than sixty figures, it begins further right.
 *
 * @param most the figure at the top, greater than 0
 * @param label the text alternative, without markup
 *
 * @since 0.2.0
 * @category conversions
 */
export const render = (figures: ReadonlyArray<number>, most: number, label: string): string => {
  const shown = figures.slice(-length)
  const first = length - shown.length
  const points = shown.map((figure, i) =>
    `${first + i},${tenths((height - 1) * (1 - Math.min(1, figure / most)) + 0.5)}`
  )
  const line = points.length > 1
    ? `<path class="area" d="M${first},${height} L${points.join(" L")} L${length - 1},${height} Z"/>` +
      `<polyline points="${points.join(" ")}"/>`
    : ""
  return `<svg viewBox="0 0 ${
    length - 1
  } ${height}" preserveAspectRatio="none" role="img" aria-label="${label}">${line}</svg>`
}

const tenths = (number: number): number => Math.round(number * 10) / 10
