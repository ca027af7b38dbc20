/** Stacks in logs: the app's frames, and nothing of the server that has called it; those of the server's own failures stay. */
import { expect, it } from "vitest"
import { withoutCallers } from "../../src/server/stackText.js"

const app = "    at handler (file:///srv/app.mjs:3:9)"
const library = "    at get (file:///srv/node_modules/other/dist/index.js:1:2)"
const node = "    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"
const own = "    at Call.run (file:///srv/node_modules/tsgi/dist/chunks/chunk-4P4K.js:2349:67)"
const pnpm = "    at async load (/srv/node_modules/.pnpm/tsgi@0.2.0/node_modules/tsgi/dist/chunks/chunk-A.js:1:1)"

it.each<readonly [what: string, stack: ReadonlyArray<string>, left: ReadonlyArray<string>]>([
  ["frames that called the app", ["Error: a", app, library, own, own], ["Error: a", app, library]],
  ["frames that called it later", ["Error: a", app, own, node, pnpm], ["Error: a", app, node]],
  ["none of those in which it failed", ["Error: a", own, app, own], ["Error: a", own, app]],
  ["none of a failure of its own", ["Error: a", own, node], ["Error: a", own, node]],
  ["none of a server that is built differently", ["Error: a", app, "    at x (/srv/dist/app.js:1:1)"], [
    "Error: a",
    app,
    "    at x (/srv/dist/app.js:1:1)"
  ]],
  [
    "those of each cause",
    ["Error: a", app, own, "  [cause]: Error: b", `  ${own}`, `  ${app}`, `  ${own}`, "}"],
    ["Error: a", app, "  [cause]: Error: b", `  ${own}`, `  ${app}`, "}"]
  ],
  ["nothing of a text without frames", ["a", "b"], ["a", "b"]]
])("leave out %s", (_, stack, left) => {
  expect(withoutCallers(stack.join("\n")).split("\n")).toEqual(left)
})
