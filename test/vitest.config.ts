import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const root = fileURLToPath(new URL("..", import.meta.url))

// The names of the entry points are given once, in tsconfig.json.
const { compilerOptions } = JSON.parse(readFileSync(`${root}/tsconfig.json`, "utf8")) as {
  readonly compilerOptions: { readonly paths: Record<string, ReadonlyArray<string>> }
}

// Of what takes long, the longest: what begins last ends last.
const first = [
  "package/Package",
  "platform/Differential",
  "cli/Serve",
  "package/Examples",
  "package/Bench",
  "cli/Control",
  "doors/Unhandled",
  "doors/Crowd",
  "package/Readme",
  "doors/Soak",
  "doors/Conformance",
  "doors/Fairness",
  "doors/Restarts",
  "cli/StatusPage",
  "wsgi/Signals"
].map((name) => `${root}test/${name}.test.ts`)

class LongestFirst extends BaseSequencer {
  override async sort(files: Array<TestSpecification>): Promise<Array<TestSpecification>> {
    const place = ({ moduleId }: TestSpecification): number => (first.indexOf(moduleId) + 1) || Infinity
    const others = await super.sort(files.filter((file) => place(file) === Infinity))
    return [...files.filter((file) => place(file) < Infinity).sort((a, b) => place(a) - place(b)), ...others]
  }
}

export default defineConfig({
  root,
  resolve: {
    alias: Object.entries(compilerOptions.paths).map(([name, [source]]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(`../${source}`, import.meta.url))
    }))
  },
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/utils/shared.ts"],
    pool: "forks",
    // much of what the tests do is waiting, and one worker would leave a core idle where there are two
    minWorkers: "100%",
    maxWorkers: "100%",
    // each file would load all of Effect again, which takes longer than most of the tests
    isolate: false,
    sequence: { sequencer: LongestFirst },
    testTimeout: 15_000,
    // some wait for what another file makes for all
    hookTimeout: 60_000,
    reporters: ["dot"],
    silent: "passed-only"
  }
})
