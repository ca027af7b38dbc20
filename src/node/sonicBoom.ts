/**
 * Loads sonic-boom, which writes log files, with the first line of a log and not when the server starts.
 *
 * This is a module of its own, because tsx rewrites each module that has a dynamic import, with a source map for all of it. In a
 * bundle of the whole engine that would delay the start.
 */
import type * as SonicBoom from "sonic-boom"

export const load = (): Promise<typeof SonicBoom> => import("sonic-boom")
