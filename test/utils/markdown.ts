/** Reads documents in Markdown, for tests that compare them with the sources. */

export interface Block {
  readonly language: string
  /** The words after the language: `run`, `server`. */
  readonly mark: string
  readonly text: string
  readonly heading: string
}

export const blocksOf = (document: string): ReadonlyArray<Block> =>
  [...document.matchAll(/^```(\w*) ?(\w*)\n([^]*?)^```$/gm)].map((match) => ({
    language: match[1],
    mark: match[2],
    text: match[3],
    heading: [...document.slice(0, match.index).matchAll(/^#+ (.*)$/gm)].at(-1)?.[1] ?? ""
  }))

/** The rows of the first table under a heading, or of one after it, without backquotes. */
export const tableOf = (document: string, heading: string, skip = 0): ReadonlyArray<ReadonlyArray<string>> => {
  const start = document.search(new RegExp(`^#+ ${heading}$`, "m"))
  if (start < 0) throw new Error(`there is no heading ${heading}`)
  const tables = document.slice(start).split("\n\n").filter((part) => part.startsWith("|"))
  return tables[skip].trimEnd().split("\n").slice(2)
    .map((row) =>
      row.slice(2, -2).replaceAll("| |", "|  |").split(" | ").map((cell) => cell.replaceAll("`", "").trim())
    )
}

/** The second cells by the first. */
export const defaultsOf = (rows: ReadonlyArray<ReadonlyArray<string>>): Record<string, string> =>
  Object.fromEntries(rows.map(([name, value]) => [name, value]))

/** Values in the form of a table. */
export const texts = (values: object): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]))

/** The targets of links. */
export const linksOf = (document: string): ReadonlyArray<string> =>
  [...document.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1])

/** The anchors of a document's headings. */
export const anchorsOf = (document: string): ReadonlyArray<string> =>
  [...document.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading))

export const anchorOf = (heading: string): string =>
  `#${heading.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-")}`
