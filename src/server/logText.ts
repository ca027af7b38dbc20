/**
 * Makes text safe for a log. Text from clients reaches the log in many ways, for instance in the message of a failure. It must
 * neither begin a line of its own nor control a terminal.
 *
 * @since 0.2.0
 */

// C0, DEL and C1; separators that some programs take for line ends; invisible characters and those that change the direction of
// writing; lone surrogates, which cannot be encoded.
const unsafe = new RegExp(
  [
    /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/,
    /[\ud800-\udbff](?![\udc00-\udfff])/,
    /(?<![\ud800-\udbff])[\udc00-\udfff]/
  ].map(({ source }) => source).join("|"),
  "g"
)

const names: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

// characters are escaped as in JSON, so that a line of JSON stays valid
const escaped = (character: string): string =>
  names[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

const harmless = /^[\x20-\x7e]*$/

/**
 * Text as one line: unsafe characters are escaped as in JSON, `\n` or `\u001b`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const inOneLine = (text: string): string => harmless.test(text) ? text : text.replace(unsafe, escaped)

const indent = "  "

/**
 * Text that may have several lines, such as the stack of a failure. All lines but the first are indented, so that none looks like
 * an entry of its own.
 *
 * @since 0.2.0
 * @category conversions
 */
export const asEntry = (text: string): string => {
  if (harmless.test(text)) return text
  const [first, ...rest] = text.split(/\r?\n/)
  return rest.reduce(
    (entry, line) => `${entry}\n${line.startsWith(indent) ? "" : indent}${inOneLine(line)}`,
    inOneLine(first)
  )
}

/**
 * {@link asEntry} for a line whose fields may be separated by tabs.
 *
 * @since 0.2.0
 * @category conversions
 */
export const asRecord = (line: string): string =>
  line.includes("\t") ? line.split("\t").map(asEntry).join("\t") : asEntry(line)
