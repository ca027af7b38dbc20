import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const root = fileURLToPath(new URL("..", import.meta.url))

// The names of the entry points are given once, in tsconfig.json.
const { compilerOptions } = JSON.parse(readFileSync(`${root}/tsconfig.json`, "utf8")) as {
  readonly compilerOptions: { readonly paths: Record<string, ReadonlyArray<string>> }
}

// Of what takes long, the longest: what begins last ends last. One builds the package, and beside it run two that do not need it.
const first = [
  "package/Package.long",
  "platform/Differential.long",
  "doors/Soak.long",
  "cli/Deploy.long",
  "cli/Matrix.long",
  "cli/Serve.long",
  "cli/Failures.long",
  "cli/System.long",
  "package/Examples.long",
  "package/Readme.long",
  "cli/Control.long",
  "platform/Cluster.long",
  "package/Walks.long",
  "package/Package",
  "doors/Crowd",
  "doors/Conformance",
  "platform/Peers",
  "cli/Serve",
  "cli/Deploy",
  "package/Readme",
  "cli/Supervisor",
  "platform/Differential",
  "doors/Fairness",
  "platform/Disconnect",
  "cli/System",
  "cli/Control",
  "cli/DeployExamples",
  "package/Examples",
  "cli/Failures",
  "platform/Limits",
  "doors/EffectConformance",
  "doors/HookMatrix",
  "platform/Stop",
  "cli/Alone",
  "wsgi/Signals",
  "doors/Unhandled",
  "doors/Restarts",
  "platform/Interleaving"
].map((name) => `${root}test/${name}.test.ts`)

const workers = availableParallelism() + 1

// The compilers are programs in Go. They end before their garbage is worth a collection, which is a third of their work.
Object.assign(process.env, { GOGC: "off", GOMEMLIMIT: "1GiB" })

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
    alias: Object.entries({ ...compilerOptions.paths, typescript: ["test/utils/typescript.ts"] }).map((
      [name, [source]]
    ) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(`../${source}`, import.meta.url))
    }))
  },
  test: {
    // `npm test` runs the one, `npm run test:long` the other, in which properties are tried with more examples
    projects: [
      { extends: true, test: { name: "short", include: ["test/**/*.test.ts"], exclude: ["**/*.long.test.ts"] } },
      {
        extends: true,
        test: { name: "long", include: ["test/**/*.long.test.ts"], env: { RUNS: process.env.RUNS ?? "4" } }
      }
    ],
    globalSetup: ["test/utils/shared.ts"],
    setupFiles: ["test/utils/orphan.ts"],
    pool: "forks",
    // what little lives longer is not copied again and again: a tenth of the processor time
    poolOptions: { forks: { execArgv: ["--min-semi-space-size=64", "--max-semi-space-size=64"] } },
    // one more than cores: much of what the tests do is waiting
    minWorkers: workers,
    maxWorkers: workers,
    // of the tests of a file that start programs: more at once would only wait for each other
    maxConcurrency: 4,
    // each file would load all of Effect again, which takes longer than most of the tests
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // long enough for a machine that does much else
    testTimeout: 30_000,
    // some wait for what another file makes for all
    hookTimeout: 240_000,
    reporters: ["dot"],
    silent: "passed-only"
  }
})
