/**
 * What writes log files, which a server needs with its first line and not when it starts.
 *
 * A module of its own, as loaders of TypeScript (tsx) rewrite each module that imports something later, with a source map of all
 * of it: of one with the whole engine in it, that takes longer than all else that a server's start does.
 */
import type * as SonicBoom from "sonic-boom"

export const load = (): Promise<typeof SonicBoom> => import("sonic-boom")
