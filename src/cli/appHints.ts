/**
 * Warnings about functions that, by their parameters, are probably not WSGI apps. They are served all the same, because
 * parameters may have any name.
 *
 * @since 0.2.0
 */

const parameters = /^(?:async\s+)?(?:function\b\s*\w*\s*)?(?:\(([^)]*)\)|(\w+)\s*=>)/
const request = /^(?:req|request)$/
const response = /^(?:res|response|reply)$/

/**
 * The warning; `undefined` if there is none.
 *
 * @param text the source of the function
 *
 * @since 0.2.0
 * @category conversions
 */
export const hintOf = (text: string): string | undefined => {
  const [, list, only] = parameters.exec(text) ?? []
  if (list === undefined && only === undefined) return undefined
  const [first = "", second = ""] = (only ?? list).split(",").map((name) => name.replace(/[:=].*$/s, "").trim())
  if (request.test(first) && response.test(second)) {
    return "takes (req, res), as handlers of node:http do"
  }
  if (request.test(first) && second === "") {
    return `takes (${first}), as fetch handlers do: --interface fetch serves it as one`
  }
  return first === "" ? "takes no arguments: --factory serves what it returns" : undefined
}
