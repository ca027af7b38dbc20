/**
 * Reads the Content-Disposition of a part of a form.
 *
 * multipasta decodes the fields of a part as UTF-8, as browsers send them, but cannot read a Content-Disposition with a character
 * beyond Latin-1. Without this module, a file with a Cyrillic name becomes a field without a name.
 *
 * @since 0.2.0
 */
import type { PartInfo } from "multipasta"

const kind = /^\s*form-data\s*(?=;)/i
const parameter = /;\s*([\w!#$%&'*+.^`|~-]+)=(?:"((?:[^"\\]|\\[^])*)"|([^\s;"]*))\s*/gy

/**
 * The part. If the parser could not read its Content-Disposition (RFC 7578, 4.2), its name, file name and type are read here.
 *
 * @since 0.2.0
 * @category conversions
 */
export const complete = (info: PartInfo): PartInfo => {
  const field = info.headers["content-disposition"]
  if (info.contentDisposition !== "" || typeof field !== "string") return info
  const [start] = kind.exec(field) ?? []
  if (start === undefined) return info
  const parameters: Record<string, string> = {}
  parameter.lastIndex = start.length
  for (let found = parameter.exec(field); found !== null; found = parameter.exec(field)) {
    parameters[found[1].toLowerCase()] = found[2] ?? found[3]
  }
  const { filename, name = "" } = parameters
  return {
    ...info,
    name,
    filename,
    contentType: filename !== undefined && info.headers["content-type"] === undefined
      ? "application/octet-stream"
      : info.contentType,
    contentDisposition: "form-data",
    contentDispositionParameters: parameters
  }
}
