/** The compiler, loaded as CommonJS. As a module Node would read its nine megabytes twice more to find its exports. */
import { createRequire } from "node:module"
import type ts from "typescript"

export default createRequire(import.meta.url)("typescript") as typeof ts
