/**
 * The version of this package.
 *
 * @since 0.2.0
 */
import { readFileSync } from "node:fs"

/**
 * @param entry the URL of a file in `dist`
 *
 * @since 0.2.0
 * @category accessors
 */
export const versionAt = (entry: string): string => {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../package.json", entry), "utf8"))
  return typeof manifest === "object" && manifest !== null && "version" in manifest
    ? String(manifest.version)
    : "unknown"
}
