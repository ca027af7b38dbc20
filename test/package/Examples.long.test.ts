/** Every example as a separate process, and the first one as its comment starts it. */
import * as path from "node:path"
import { expect, it } from "vitest"
import { examples } from "../utils/made.js"
import { Program } from "../utils/processes.js"
import { cases, Example, serves, testExamples } from "./exampleCases.js"

const root = path.resolve(import.meta.dirname, "../..")

testExamples(Object.keys(cases), examples)

it("the first example starts as it says, with tsx, which the others are spared", { timeout: 60_000 }, async () => {
  await using program = new Program(process.execPath, ["--import", "tsx", "examples/hello.ts"], {
    cwd: root,
    env: { PORT: "0" }
  })
  const [, port] = await program.line(serves)
  expect(await new Example(program, Number(port)).shell("curl -s http://127.0.0.1:8090/")).toBe("Hello, World!")
})
