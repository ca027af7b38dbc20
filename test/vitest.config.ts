import { readFileSync } from "node:fs"
import { availableParallelism } from "node:os"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"
import { BaseSequencer, type TestSpecification } from "vitest/node"

const root = fileURLToPath(new URL("..", import.meta.url))

// Only tsconfig.json has the names of the entry points.
const { compilerOptions } = JSON.parse(readFileSync(`${root}/tsconfig.json`, "utf8")) as {
  readonly compilerOptions: { readonly paths: Record<string, ReadonlyArray<string>> }
}

// The longest tests begin first, so that none of them begins last. The first one builds the package, and the next two do not need
// it.
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

// The compilers are programs in Go. They end before their garbage matters, so they need not collect it.
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
    // `npm test` runs the first one; `npm run test:long` runs the other, in which properties are tried with more examples
    projects: [
      { extends: true, test: { name: "short", include: ["test/**/*.test.ts"], exclude: ["**/*.long.test.ts"] } },
      {
        extends: true,
        test: { name: "long", include: ["test/**/*.long.test.ts"], env: { RUNS: process.env.RUNS ?? "4" } }
      }
    ],
    globalSetup: ["test/utils/shared.ts"],
    setupFiles: ["test/utils/orphan.ts", "test/utils/properties.ts"],
    pool: "forks",
    // with large young generations, objects that live longer are copied less often
    poolOptions: { forks: { execArgv: ["--min-semi-space-size=64", "--max-semi-space-size=64"] } },
    // there is one more than cores, because tests often wait
    minWorkers: workers,
    maxWorkers: workers,
    // this is for tests of a file that start programs: more of them would only wait for each other
    maxConcurrency: 4,
    // otherwise each file would load all of Effect again, which takes longer than most of the tests
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // this is long enough for a busy machine
    testTimeout: 30_000,
    // some hooks wait for what another file makes for all
    hookTimeout: 240_000,
    reporters: ["dot"],
    silent: "passed-only"
  }
})
