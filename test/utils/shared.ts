/** A folder for a whole run, in which one test file makes what several need. */
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import type { TestProject } from "vitest/node"

declare module "vitest" {
  export interface ProvidedContext {
    readonly shared: string
  }
}

export default (project: TestProject): () => void => {
  const folder = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-tests-")))
  project.provide("shared", folder)
  return () => fs.rmSync(folder, { recursive: true, force: true })
}
