/**
 * Forms of several parts (RFC 7578), for `formData` of a request. The standard's own method has no bound on the number of parts,
 * and parses all in one turn of the event loop.
 *
 * @since 0.2.0
 */
import * as MP from "multipasta"
import { Buffer } from "node:buffer"
import { setImmediate } from "node:timers"
import { tooMuch } from "../exchange/ServerError.js"
import * as ContentDisposition from "../server/ContentDisposition.js"
import { boundsOf, exceeds, type FormBound, type FormLimits } from "../server/FormLimits.js"
import { malformedForm, malformedName } from "../server/malformedForm.js"

/** The most bytes that are parsed in one turn of the event loop. */
const sliceLength = 16_384

/**
 * Reads a form from the pieces of a body, one slice in each turn of the event loop. Rejects with a `BodyError` (`TooLarge`, 413)
 * for a form that exceeds the limits, and with a `TypeError` for one that is malformed, as the fetch standard says.
 *
 * @since 0.2.0
 */
export const formOfParts = async (
  pieces: AsyncIterable<Uint8Array>,
  contentType: string,
  limits: FormLimits
): Promise<FormData> => {
  const parser = new FormParser(contentType, limits)
  let first = true
  for await (const piece of pieces) {
    for (let from = 0; from < piece.length; from += sliceLength) {
      if (!first) await new Promise<void>((resolve) => setImmediate(resolve))
      first = false
      parser.write(piece.subarray(from, from + sliceLength))
    }
  }
  return parser.end()
}

class FormParser {
  private readonly form = new FormData()
  private readonly parser: MP.Parser
  private readonly bounds: ReturnType<typeof boundsOf>
  private fields = 0
  private fieldsSize = 0
  private files = 0
  private result: "Complete" | Error | undefined = undefined

  constructor(contentType: string, limits: FormLimits) {
    this.bounds = boundsOf(limits)
    this.parser = MP.make({
      headers: { "content-type": contentType },
      maxFieldSize: limits.maxFieldsSize,
      // a part with a type but no file name is a field
      isFile: (info) => ContentDisposition.complete(info).filename !== undefined,
      onField: (info, value) => this.addField(ContentDisposition.complete(info), value),
      onFile: (info) => this.addFile(ContentDisposition.complete(info)),
      onError: (error) =>
        error._tag === "ReachedLimit"
          ? this.refuse(this.bounds.fieldsSize)
          : this.finish(malformed(malformedForm(error))),
      onDone: () => this.finish("Complete")
    })
  }

  write(slice: Uint8Array): void {
    this.parse(() => this.parser.write(slice))
    if (this.result instanceof Error) throw this.result
  }

  end(): FormData {
    this.parse(() => this.parser.end())
    // the parser accepts a body without any boundary
    this.result ??= malformed(malformedForm({ _tag: "EndNotReached" }))
    if (this.result instanceof Error) throw this.result
    return this.form
  }

  // What follows the end of a form is ignored (RFC 2046, 5.1.1).
  private parse(advance: () => void): void {
    if (this.result !== undefined) return
    try {
      advance()
    } catch (cause) {
      this.finish(malformed(malformedName, cause))
    }
  }

  private addField(info: MP.PartInfo, value: Uint8Array): void {
    const { fields, fieldsSize } = this.bounds
    // after an error the parser goes on to the end of a slice
    if (this.result !== undefined) return
    if (++this.fields > fields.most) return this.refuse(fields)
    if ((this.fieldsSize += value.length) > fieldsSize.most) return this.refuse(fieldsSize)
    if (this.hasName(info)) this.form.append(unescaped(info.name), Buffer.from(value).toString())
  }

  private addFile(info: MP.PartInfo): (bytes: Uint8Array | null) => void {
    const { files } = this.bounds
    if (++this.files > files.most) this.refuse(files)
    if (this.result !== undefined || !this.hasName(info)) return () => undefined
    const pieces: Array<Uint8Array> = []
    return (bytes) => {
      if (bytes !== null) pieces.push(bytes)
      else this.form.append(unescaped(info.name), fileOf(info, pieces))
    }
  }

  private hasName(info: MP.PartInfo): boolean {
    if (info.contentDisposition === "form-data") return true
    this.finish(malformed(malformedForm({ _tag: "InvalidDisposition" })))
    return false
  }

  private refuse(bound: FormBound): void {
    this.finish(tooMuch(exceeds(bound)))
  }

  private finish(how: "Complete" | Error): void {
    this.result ??= how
  }
}

const malformed = (description: string, cause?: unknown): TypeError =>
  new TypeError(`the form is malformed: ${description}`, { cause })

const fileOf = (info: MP.PartInfo, pieces: ReadonlyArray<Uint8Array>): File => {
  const type = info.headers["content-type"]
  return new File([Buffer.concat(pieces)], unescaped(info.filename ?? ""), {
    type: typeof type === "string" ? type : "text/plain"
  })
}

const escapes: Readonly<Record<string, string>> = { "%0A": "\n", "%0D": "\r", "%22": "\"" }

// browsers escape these in names
const unescaped = (name: string): string => name.replace(/%0A|%0D|%22/gi, (escape) => escapes[escape.toUpperCase()])
