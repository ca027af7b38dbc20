/** A check, and what checks share. */
import type { Product } from "./Product.js"

export interface Asked {
  readonly product: Product
  /** With `true`, as many requests, reloads and seconds as the claim names; otherwise fewer. */
  readonly full: boolean
}

export interface Found {
  /** Absent if it cannot be checked here; the figure then has the reason. */
  readonly ok?: boolean
  readonly figure: string
}

export interface Check {
  readonly claim: string
  readonly run: (asked: Asked) => Promise<Found>
}

/** Joins several claims, and marks each one that does not hold. */
export const found = (...parts: ReadonlyArray<readonly [figure: string, ok?: boolean]>): Found => ({
  ok: parts.every(([, ok]) => ok !== false),
  figure: parts.map(([figure, ok]) => ok === false ? `NOT ${figure}` : figure).join("; ")
})

export const unseen = (why: string): Found => ({ figure: why })

/** Measures the milliseconds for which an act takes. */
export const timed = async <A>(act: () => Promise<A>): Promise<readonly [milliseconds: number, A]> => {
  const begun = performance.now()
  const value = await act()
  return [performance.now() - begun, value]
}

/** Tries until a condition holds, for a bounded time. Returns the milliseconds that it took, or `Infinity`. */
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
