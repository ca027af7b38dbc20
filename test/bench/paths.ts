/** The paths of files, for the sources and for what is built from them. */
import { existsSync } from "node:fs"
import * as path from "node:path"

const up = (folder: string): string => existsSync(path.join(folder, "package.json")) ? folder : up(path.dirname(folder))

export const root = up(import.meta.dirname)

/** The bench's own folder, of this checkout or of another one. */
export const bench = (checkout = root): string => path.join(checkout, "test/bench")

/** The contestants and loads, built. */
export const built = (checkout = root): string => path.join(bench(checkout), "dist")
