/** What a check is, and what they have in common. */
import type { Product } from "./Product.js"

export interface Asked {
  readonly product: Product
  /** As many requests, reloads and seconds as the claim names; else fewer, for a look. */
  readonly full: boolean
}

export interface Found {
  /** Absent where it cannot be seen here; the figure says why. */
  readonly ok?: boolean
  readonly figure: string
}

export interface Check {
  readonly claim: string
  readonly run: (asked: Asked) => Promise<Found>
}

/** Several claims at once: each that does not hold is marked. */
export const found = (...parts: ReadonlyArray<readonly [figure: string, ok?: boolean]>): Found => ({
  ok: parts.every(([, ok]) => ok !== false),
  figure: parts.map(([figure, ok]) => ok === false ? `NOT ${figure}` : figure).join("; ")
})

export const unseen = (why: string): Found => ({ figure: why })

/** Milliseconds that something takes. */
export const timed = async <A>(act: () => Promise<A>): Promise<readonly [milliseconds: number, A]> => {
  const begun = performance.now()
  const value = await act()
  return [performance.now() - begun, value]
}

/** Tries until it is so, for at most so many milliseconds; how long it took, or `Infinity`. */
export const until = async (
  most: number,
  isSo: () => boolean | Promise<boolean>
): Promise<number> => {
  const begun = performance.now()
  while (performance.now() - begun < most) {
    if (await Promise.resolve(isSo()).catch(() => false)) return performance.now() - begun
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return Infinity
}

export const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(2)} s`
