/**
 * The peer packages: the needed ones, and the installed ones.
 *
 * @since 0.2.0
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"

/**
 * The packages on which the Effect door runs, with the part of each version that must match: the major, or below 1 the minor
 * (semver.org, 4).
 *
 * @since 0.2.0
 * @category constants
 */
export const needed: Readonly<Record<string, string>> = {
  "effect": "3",
  "@effect/platform": "0.97",
  "@effect/platform-node": "0.108"
}

/**
 * Those on which a runner of Effect Cluster runs.
 *
 * @since 0.2.0
 * @category constants
 */
export const neededByCluster: Readonly<Record<string, string>> = {
  ...needed,
  "@effect/cluster": "0.60",
  "@effect/rpc": "0.76",
  "@effect/sql": "0.52"
}

/**
 * An error that says in one line why an entry with Effect could not be loaded, with the remedy; `error` itself if all packages
 * are there.
 *
 * @since 0.2.0
 * @category constructors
 */
export const explain = (error: unknown, entry: "tsgi/effect" | "tsgi/cluster" = "tsgi/effect"): unknown => {
  const packages = entry === "tsgi/cluster" ? neededByCluster : needed
  const wrong: Array<string> = []
  // a bundled program has no packages beside it
  let isBundled = true
  for (const [name, line] of Object.entries(packages)) {
    const version = installed(name)
    if (version !== undefined) isBundled = false
    if (version === undefined) wrong.push(`${name} is not installed`)
    else if (!version.startsWith(`${line}.`)) wrong.push(`${name} is ${version}`)
  }
  if (wrong.length === 0 || (isBundled && !isNotFound(error))) return error
  const remedy = Object.entries(packages).map(([name, line]) => `${name}@${line}`).join(" ")
  const failure = new Error(`${entry} needs Effect 3, but ${wrong.join(", ")}: npm install ${remedy}`)
  // a stack would not help
  failure.stack = `Error: ${failure.message}`
  return failure
}

const isNotFound = (error: unknown): boolean =>
  error instanceof Error && "code" in error && /^(?:ERR_)?MODULE_NOT_FOUND$/.test(String(error.code))

// A package need not export its package.json, so the file is searched for in the folders in which Node looks.
const installed = (name: string): string | undefined => {
  for (const directory of createRequire(import.meta.url).resolve.paths(name) ?? []) {
    try {
      const manifest: unknown = JSON.parse(readFileSync(join(directory, name, "package.json"), "utf8"))
      if (typeof manifest === "object" && manifest !== null && "version" in manifest) return String(manifest.version)
    } catch {
      // the package is not in this folder
    }
  }
  return undefined
}
