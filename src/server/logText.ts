/**
 * Text for a log. Text that clients choose reaches it in many ways, by a failure's message for instance. It must not begin a line
 * of its own, or send a terminal anything but text.
 *
 * @since 0.2.0
 */

// C0, DEL and C1; separators that some programs take for the end of a line; characters that change the direction of writing or
// are invisible; lone surrogates, which no encoding has.
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

const names: Readonly<Record<string, string>> = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }

// as JSON has it, so that a line of JSON stays one
const escaped = (character: string): string =>
  names[character] ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`

const harmless = /^[\x20-\x7e]*$/

/**
 * Text as one line: everything else is escaped as in JSON, `\n` or `\u001b`.
 *
 * @since 0.2.0
 * @category conversions
 */
export const inOneLine = (text: string): string => harmless.test(text) ? text : text.replace(unsafe, escaped)

const indent = "  "

/**
 * Text that may have several lines, such as a failure's stack. Those after the first are indented, so that none can be taken for
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
 * {@link asEntry} for a line whose fields tabs may hold apart.
 *
 * @since 0.2.0
 * @category conversions
 */
export const asRecord = (line: string): string =>
  line.includes("\t") ? line.split("\t").map(asEntry).join("\t") : asEntry(line)
