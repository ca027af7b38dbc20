/** The README and the pages behind it: their contents, and their programs, which are run as shown. */
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { blocksOf } from "../utils/markdown.js"
import { Program, run } from "../utils/processes.js"
import { compile, folderFor } from "../utils/programs.js"

const root = path.resolve(import.meta.dirname, "../..")
const read = (file: string): string => fs.readFileSync(path.join(root, file), "utf8")

// all that are shipped
export const documents: Readonly<Record<string, string>> = Object.fromEntries(
  [
    "README.md",
    "SECURITY.md",
    ...["src", "examples"].flatMap((folder) =>
      fs.readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
        .filter((file) => file.endsWith(".md"))
        .map((file) => `${folder}/${file.replaceAll(path.sep, "/")}`)
    )
  ].map((file) => [file, read(file)])
)
export const { "SECURITY.md": security, ...pages } = documents

export const blocks = Object.entries(pages).flatMap(([file, page]) =>
  blocksOf(page).map((block) => ({ ...block, file }))
)

const escaped = (text: string): string => text.replaceAll(/[$()*+.?[\\\]^{|}]/g, "\\$&")

/** Each `$ command` with the lines under it, in which `...` stands for any text. */
const commands = (text: string): ReadonlyArray<readonly [command: string, expected: RegExp]> =>
  text.split(/^\$ /m).slice(1).map((part) => {
    const [command, ...lines] = part.trimEnd().split("\n")
    const pattern = lines.map((line) => line === "..." ? "[^]*?" : escaped(line)).join("\n")
    return [command, new RegExp(`^${pattern}\n*$`)]
  })

type Block = typeof blocks[number]

/** Runs the chosen programs of the pages, and does with them what the pages do. */
export const doWhatIsShown = (isChosen: (block: Block) => boolean): void => {
  const isRun = (block: Block): boolean => block.mark === "run" && isChosen(block)
  const temporary = folderFor("readme")
  afterAll(() => fs.rmSync(temporary, { recursive: true, force: true }))
  const listening = /(listen\(|\bTsgiHttpServer\.layer\(\{ port: )8090/
  beforeAll(async () => {
    const files = blocks.flatMap((block, i) => {
      if (!isRun(block)) return []
      fs.writeFileSync(path.join(temporary, `${i}.ts`), block.text.replace(listening, "$10"))
      return [`${i}.ts`]
    })
    await compile(temporary, files, temporary)
  })

  describe.concurrent("do what is shown", { timeout: 60_000 }, () => {
    blocks.forEach((block, i) => {
      if (!isRun(block)) return
      it(`${block.file}: ${block.heading}`, async () => {
        expect(block.text).toMatch(listening)
        await using server = new Program(process.execPath, [path.join(temporary, `${i}.mjs`)], { cwd: root })
        const [, port] = await server.line(/(?:starting up|Listening) on http:\/\/[\d.]+:(\d+)$/)
        let shown = 0
        for (const { language, mark, text } of blocks.slice(i + 1)) {
          if (language !== "console") break
          if (mark === "server") {
            for (const line of text.trimEnd().split("\n")) await server.line(new RegExp(`^${escaped(line)}$`))
            continue
          }
          for (const [command, expected] of commands(text)) {
            const { stdout } = await run("bash", ["-c", command.replace("curl", "curl -s").replace("8090", port)], {
              cwd: root
            })
            expect(stdout.join("\n")).toMatch(expected)
            shown++
          }
        }
        expect(shown).toBeGreaterThan(0)
      })
    })
  })
}
