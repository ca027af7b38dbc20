/**
 * A `Request` with a bound on bodies that are read whole, which the standard's class does not have.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import { setImmediate } from "node:timers"
import { tooLargeWhole } from "../exchange/ServerError.js"
import { formSlices } from "../protocol/formSlices.js"
import { type BodyBound, boundOf, type Reading } from "../server/bodyBound.js"
import type { Input } from "./Input.js"
import { formOfParts } from "./multipartForm.js"

type Read = "arrayBuffer" | "blob" | "clone" | "formData" | "json" | "text"

// The types of Node have properties here, which a class cannot override with methods.
interface WithMethods extends Omit<Request, Read> {
  arrayBuffer(): Promise<ArrayBuffer>
  blob(): Promise<Blob>
  clone(): Request
  formData(): ReturnType<Request["formData"]>
  json(): Promise<unknown>
  text(): Promise<string>
}

type Bounds = Pick<Input, "bodyLength" | "forms" | "limits">

type Source = Pick<Request, "body" | "bodyUsed" | "headers">

type Make = (bounds: Bounds, input: string | Request, init?: RequestInit) => Request

/**
 * Makes a request whose `text`, `json`, `arrayBuffer`, `bytes`, `blob` and `formData` reject with a `BodyError` (`TooLarge`, 413)
 * for a body that is longer than the limits allow, or a form that has more parts. So do those of its clones. Its `body` has no
 * bound.
 *
 * @since 0.2.0
 * @category constructors
 */
export const boundedRequest: Make = (bounds, input, init) => (make ??= makeClass())(bounds, input, init)

let make: Make | undefined

// The class is made when the first request is, because the name `Request` makes Node load its fetch. A body that is empty or
// cannot be read is left to the standard's methods.
const makeClass = (): Make => {
  const Standard: new(input: string | Request, init: RequestInit | undefined) => WithMethods = Request
  class BoundedRequest extends Standard {
    readonly #bounds: Bounds

    constructor(bounds: Bounds, input: string | Request, init: RequestInit | undefined) {
      super(input, init)
      this.#bounds = bounds
    }

    override async text(): Promise<string> {
      return isReadable(this) ? decoder.decode(await read(this, this.#bounds, "whole")) : super.text()
    }

    override async json(): Promise<unknown> {
      return isReadable(this) ? JSON.parse(decoder.decode(await read(this, this.#bounds, "parsed"))) : super.json()
    }

    override async arrayBuffer(): Promise<ArrayBuffer> {
      return isReadable(this) ? copyOf(await read(this, this.#bounds, "whole")).buffer : super.arrayBuffer()
    }

    async bytes(): Promise<Uint8Array> {
      return new Uint8Array(await this.arrayBuffer())
    }

    override async blob(): Promise<Blob> {
      return isReadable(this)
        ? new Blob([await read(this, this.#bounds, "whole")], { type: typeOf(this) })
        : super.blob()
    }

    override async formData(): ReturnType<Request["formData"]> {
      return isReadable(this) ? readForm(this, this.#bounds) : super.formData()
    }

    override clone(): Request {
      return new BoundedRequest(this.#bounds, super.clone(), undefined)
    }
  }
  return (bounds, input, init) => new BoundedRequest(bounds, input, init)
}

const isReadable = ({ body, bodyUsed }: Source): boolean => body !== null && !bodyUsed && !body.locked

const typeOf = ({ headers }: Source): string => headers.get("Content-Type") ?? ""

const read = async (source: Source, bounds: Bounds, reading: Reading): Promise<Buffer> => {
  const pieces: Array<Uint8Array> = []
  for await (const piece of piecesOf(source, bounds, boundOf(reading, bounds.limits))) pieces.push(piece)
  return Buffer.concat(pieces)
}

const readForm = async (source: Source, bounds: Bounds): ReturnType<Request["formData"]> => {
  const type = typeOf(source)
  if (/^application\/x-www-form-urlencoded\s*(;|$)/i.test(type)) {
    return formOf((await read(source, bounds, "parsed")).toString())
  }
  if (/^multipart\/form-data\s*(;|$)/i.test(type)) {
    return formOfParts(piecesOf(source, bounds, boundOfForm(bounds)), type, bounds.forms)
  }
  return new Response(await read(source, bounds, "whole"), { headers: { "Content-Type": type } }).formData()
}

async function* piecesOf(
  { body }: Source,
  { bodyLength }: Bounds,
  { lift, most }: BodyBound
): AsyncGenerator<Uint8Array> {
  if (bodyLength !== undefined && bodyLength > most) throw tooLargeWhole(most, lift)
  if (body === null) return
  const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
  let length = 0
  let isWhole = false
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      length += next.value.length
      if (length > most) throw tooLargeWhole(most, lift)
      yield next.value
    }
    isWhole = true
  } finally {
    // this is not awaited, because for a request that was cloned it would wait for the clone
    if (!isWhole) reader.cancel().catch(() => undefined)
  }
}

// A form of several parts is held in memory.
const boundOfForm = ({ forms, limits }: Bounds): BodyBound =>
  forms.maxTotalSize < limits.wholeBody
    ? { most: forms.maxTotalSize, lift: "forms.maxTotalSize" }
    : boundOf("whole", limits)

// Parses a long form in slices, one in each turn of the event loop, so that other requests are served meanwhile.
const formOf = async (text: string): Promise<FormData> => {
  const form = new FormData()
  let first = true
  for (const slice of formSlices(text)) {
    if (!first) await new Promise<void>((resolve) => setImmediate(resolve))
    first = false
    for (const [name, value] of new URLSearchParams(slice)) form.append(name, value)
  }
  return form
}

// the byte order mark is dropped, as the standard says
const decoder = new TextDecoder()

// the bytes are copied, because a Buffer may be a part of a pool
const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}
