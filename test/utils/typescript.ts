/** The compiler as CommonJS, which it is: as a module Node would read its nine megabytes twice more, to find what it exports. */
import { createRequire } from "node:module"
import type ts from "typescript"

export default createRequire(import.meta.url)("typescript") as typeof ts
