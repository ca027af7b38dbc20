/** A folder that several test files need. The first one makes it, and the others wait. */
import * as fs from "node:fs"
import * as path from "node:path"
import { inject } from "vitest"

/** The folder of this name, which all files of a run share, once it is made. */
export const once = async (name: string, make: (folder: string) => Promise<unknown>): Promise<string> => {
  const folder = path.join(inject("shared"), name)
  const made = `${folder}.made`
  if (isFirst(folder)) {
    const failure = await make(folder).then(() => "", (error: unknown) => String(error))
    // the file appears with all its contents
    fs.writeFileSync(`${made}.part`, failure)
    fs.renameSync(`${made}.part`, made)
  } else await existence(made)
  const failure = fs.readFileSync(made, "utf8")
  if (failure !== "") throw new Error(`${name} could not be made: ${failure}`)
  return folder
}

const isFirst = (folder: string): boolean => {
  try {
    fs.mkdirSync(folder)
    return true
  } catch {
    return false
  }
}

const existence = (file: string): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (!fs.existsSync(file)) return
      watcher.close()
      resolve()
    }
    const watcher = fs.watch(path.dirname(file), look)
    look()
  })
