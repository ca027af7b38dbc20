/**
 * The command. This file answers --version and --help itself, and only loads the server to serve.
 *
 * @since 0.2.0
 */
import * as EarlySignals from "./earlySignals.js"
import { complain, messageOf, tell } from "./streams.js"
import { helpFor, wantsVersion } from "./verbs.js"
import { versionAt } from "./version.js"

/** Verbs that handle signals. */
const serving = ["serve", "dev"]

const main = async (given: ReadonlyArray<string>): Promise<number> => {
  const text = helpFor(given) ?? (wantsVersion(given) ? versionAt(import.meta.url) : undefined)
  if (text !== undefined) {
    tell(text)
    return 0
  }
  if (serving.includes(given[0] ?? "")) EarlySignals.keep()
  const { run } = await import("./program.js")
  return run(given, { url: import.meta.url, work: () => import("./work.js") })
}

void main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    complain(`tsgi: ${messageOf(error)}`)
    process.exit(1)
  }
)
