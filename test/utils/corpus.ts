/**
 * The corpus: requests as files, `test/corpus/{valid,invalid}/<what-the-rule-is-about>.http`. Adding a case is adding a
 * file.
 *
 * A file starts with lines of the form `# key: value`; the rest, behind one empty line, is the bytes:
 *
 *     # rule: RFC 9112, 6.3: Content-Length beside Transfer-Encoding is refused
 *     # expect: ContentLengthWithTransferEncoding 400
 *
 *     POST / HTTP/1.1\r\n
 *     Host: a\r\n
 *     ...
 *
 * Keys:
 *
 * - `rule`: the rule, with its section and its meaning;
 * - `expect`, once for each message, in order: `METHOD TARGET VERSION` (in the notation below) for a request that is read
 *   to its end, the same with ` unfinished` behind it for one that is not, `Reason status` for a refusal, `more` where
 *   the bytes end inside a message;
 * - `body`, `trailers`, `fields`, `form`, `demands`, each as JSON, belong to the request before them. A request without
 *   `body` or `trailers` has none; the others are compared only where they are given (of objects: the keys given);
 * - `limits`, `leniency`, as JSON: the settings that differ from the defaults.
 *
 * In the bytes the file's own line ends mean nothing, so that each line can end in a visible `\r\n`. `\r`, `\n`, `\t`,
 * `\0`, `\\` and `\x7f` (any two hexadecimal digits) are one byte each; `\*300{ab}` is `ab` 300 times.
 */
import * as fs from "node:fs"
import { fileURLToPath } from "node:url"

export interface CorpusCase {
  /** Folder and file name without the extension, such as `invalid/te-and-cl-together`. */
  readonly name: string
  readonly rule: string
  readonly expect: ReadonlyArray<Expectation>
  readonly limits: Readonly<Record<string, number>>
  readonly leniency: Readonly<Record<string, boolean>>
  readonly bytes: Buffer
}

export type Expectation =
  | { readonly _tag: "Request"; readonly line: string; readonly finished: boolean; readonly details: Details }
  | { readonly _tag: "Refusal"; readonly reason: string; readonly status: number }
  | { readonly _tag: "More" }

export interface Details {
  readonly body?: string
  readonly trailers?: ReadonlyArray<string>
  readonly fields?: ReadonlyArray<string>
  readonly form?: object
  readonly demands?: object
}

const root = fileURLToPath(new URL("../corpus/", import.meta.url))

export const readCorpus = (folder: "valid" | "invalid"): ReadonlyArray<CorpusCase> =>
  fs.readdirSync(root + folder).sort().map((file) => {
    const name = `${folder}/${file.replace(/\.http$/, "")}`
    try {
      return parseCase(name, fs.readFileSync(`${root}${folder}/${file}`, "utf8"))
    } catch (cause) {
      throw new Error(`${name}.http: ${String(cause)}`, { cause })
    }
  })

export const parseCase = (name: string, text: string): CorpusCase => {
  const lines = text.split("\n")
  const end = lines.findIndex((line) => !line.startsWith("#"))
  if (lines[end] !== "") throw new Error("no empty line behind the header")
  let rule = ""
  let limits = {}
  let leniency = {}
  const expect: Array<Expectation> = []
  for (const line of lines.slice(0, end)) {
    const [, key, value] = /^# ([a-z]+): (.*)$/.exec(line) ?? []
    switch (key) {
      case "rule":
        rule = value
        break
      case "expect":
        expect.push(expectation(value))
        break
      case "limits":
        limits = JSON.parse(value) as object
        break
      case "leniency":
        leniency = JSON.parse(value) as object
        break
      case "body":
      case "trailers":
      case "fields":
      case "form":
      case "demands": {
        const last = expect.pop()
        if (last?._tag !== "Request") throw new Error(`no request that this belongs to: ${line}`)
        expect.push({ ...last, details: { ...last.details, [key]: JSON.parse(value) as unknown } })
        break
      }
      default:
        throw new Error(`not a header line: ${line}`)
    }
  }
  if (rule === "" || expect.length === 0) throw new Error("a case needs `# rule` and `# expect`")
  return { name, rule, expect, limits, leniency, bytes: fromNotation(lines.slice(end + 1).join("\n")) }
}

const expectation = (value: string): Expectation => {
  if (value === "more") return { _tag: "More" }
  const words = value.split(" ")
  if (words.length === 2) return { _tag: "Refusal", reason: words[0], status: Number(words[1]) }
  const line = fromNotation(words.slice(0, 3).join(" ")).toString("latin1")
  if (words.length === 3) return { _tag: "Request", line, finished: true, details: {} }
  if (words.length === 4 && words[3] === "unfinished") return { _tag: "Request", line, finished: false, details: {} }
  throw new Error(`not an expectation: ${value}`)
}

const named: Readonly<Record<string, string>> = { r: "\r", n: "\n", t: "\t", 0: "\0", "\\": "\\" }

/** The bytes of a text in the notation above. */
export const fromNotation = (text: string): Buffer => {
  const flat = text.replaceAll("\n", "")
  if (!/^[\x20-\x7e]*$/.test(flat)) throw new Error("bytes outside printable ASCII must be escaped")
  return Buffer.from(unescaped(flat), "latin1")
}

const unescaped = (text: string): string =>
  text.replace(/\\(?:\*(\d+)\{([^}]*)\}|x([0-9a-f]{2})|(.?))/g, (_, times, repeated, code, name: string) => {
    if (typeof repeated === "string") return unescaped(repeated).repeat(Number(times))
    if (typeof code === "string") return String.fromCharCode(parseInt(code, 16))
    if (!(name in named)) throw new Error(`unknown escape \\${name}`)
    return named[name]
  })

/** Bytes in the notation above, to be pasted into a file. */
export const toNotation = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString("latin1").replace(/[^\x20-\x5b\x5d-\x7e]/g, (char) => {
    const name = Object.keys(named).find((key) => named[key] === char)
    return name === undefined ? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}` : `\\${name}`
  }).replaceAll("\\n", "\\n\n")
