/**
 * Remembers the parsers that the engine has made, whose readers need no check.
 *
 * @since 0.2.0
 */

const made = new WeakSet<object>()

/**
 * Remembers a parser, and returns it.
 *
 * @since 0.2.0
 */
export const usual = <Parser extends object>(parser: Parser): Parser => {
  made.add(parser)
  return parser
}

/**
 * Whether the engine has made this parser.
 *
 * @since 0.2.0
 * @category guards
 */
export const isUsual = (parser: object): boolean => made.has(parser)
