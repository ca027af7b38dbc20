/** The walks of src/README.md. */
import * as fs from "node:fs"
import * as path from "node:path"

const root = path.resolve(import.meta.dirname, "../..")

/** Each walk with its steps, in order. */
export const walks = (() => {
  const text = fs.readFileSync(path.join(root, "src/README.md"), "utf8")
  const section = text.slice(text.indexOf("## Three walks"), text.indexOf("## Promises"))
  return section.split(/^\*\*/m).slice(1).map((walk) => ({
    name: walk.slice(0, walk.indexOf("**")),
    steps: [...walk.matchAll(/^\d+\. `(\w+)\.(\w+)`/gm)].map(([, object, method]) => ({ object, method }))
  }))
})()
