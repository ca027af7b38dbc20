import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const root = fileURLToPath(new URL("..", import.meta.url))

// The names of the entry points are given once, in tsconfig.json.
const { compilerOptions } = JSON.parse(readFileSync(`${root}/tsconfig.json`, "utf8")) as {
  readonly compilerOptions: { readonly paths: Record<string, ReadonlyArray<string>> }
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
    globalSetup: ["test/shared.ts"],
    pool: "forks",
    // much of what the tests do is waiting, and one worker would leave a core idle where there are two
    minWorkers: "100%",
    maxWorkers: "100%",
    // each file would load all of Effect again, which takes longer than most of the tests
    isolate: false,
    testTimeout: 15_000,
    // some wait for what another file makes for all
    hookTimeout: 60_000,
    reporters: ["dot"],
    silent: "passed-only"
  }
})
