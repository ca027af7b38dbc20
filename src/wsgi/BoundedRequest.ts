/**
 * A `Request` with a bound on reading its body whole, which the standard's does not have.
 *
 * @since 0.2.0
 */
import { Buffer } from "node:buffer"
import { setImmediate } from "node:timers"
import { tooLargeWhole } from "../exchange/ServerError.js"
import { formSlices } from "../protocol/formSlices.js"
import { boundOf, type Reading } from "../server/readBound.js"
import type { WholeLimits } from "./Input.js"

type Read = "arrayBuffer" | "blob" | "clone" | "formData" | "json" | "text"

// The types of Node have properties, which no class can override.
interface WithMethods extends Omit<Request, Read> {
  arrayBuffer(): Promise<ArrayBuffer>
  blob(): Promise<Blob>
  clone(): Request
  formData(): ReturnType<Request["formData"]>
  json(): Promise<unknown>
  text(): Promise<string>
}

type Make = (limits: WholeLimits, input: string | Request, init?: RequestInit) => Request

/**
 * Makes a request whose `text`, `json`, `arrayBuffer`, `bytes`, `blob` and `formData` reject with a `BodyError`
 * (`TooLarge`, 413) for a body that is longer than the limits allow; so do those of its clones. Its `body` has no bound.
 *
 * @since 0.2.0
 * @category constructors
 */
export const boundedRequest: Make = (limits, input, init) => (make ??= constructor())(limits, input, init)

let make: Make | undefined

// made when the first is needed: to name `Request` makes Node load its fetch, which takes a while
const constructor = (): Make => {
  const Standard: new(input: string | Request, init: RequestInit | undefined) => WithMethods = Request
  class BoundedRequest extends Standard {
    readonly #limits: WholeLimits

    constructor(limits: WholeLimits, input: string | Request, init: RequestInit | undefined) {
      super(input, init)
      this.#limits = limits
    }

    override async text(): Promise<string> {
      return this.#readable ? decoder.decode(await this.#read("whole")) : super.text()
    }

    override async json(): Promise<unknown> {
      return this.#readable ? JSON.parse(decoder.decode(await this.#read("parsed"))) : super.json()
    }

    override async arrayBuffer(): Promise<ArrayBuffer> {
      return this.#readable ? copyOf(await this.#read("whole")).buffer : super.arrayBuffer()
    }

    async bytes(): Promise<Uint8Array> {
      return new Uint8Array(await this.arrayBuffer())
    }

    override async blob(): Promise<Blob> {
      return this.#readable ? new Blob([await this.#read("whole")], { type: this.#type }) : super.blob()
    }

    override async formData(): ReturnType<Request["formData"]> {
      if (!this.#readable) return super.formData()
      const urlencoded = /^application\/x-www-form-urlencoded\s*(;|$)/i.test(this.#type)
      const bytes = await this.#read(urlencoded ? "parsed" : "whole")
      if (urlencoded) return formOf(bytes.toString())
      return new Response(bytes, { headers: { "Content-Type": this.#type } }).formData()
    }

    override clone(): Request {
      return new BoundedRequest(this.#limits, super.clone(), undefined)
    }

    // A body that cannot be read, or is empty, is left to the standard's method.
    get #readable(): boolean {
      return this.body !== null && !this.bodyUsed && !this.body.locked
    }

    get #type(): string {
      return this.headers.get("Content-Type") ?? ""
    }

    async #read(reading: Reading): Promise<Buffer> {
      const { lift, most } = boundOf(reading, this.#limits)
      const { body, headers } = this
      // a transfer coding overrides Content-Length (RFC 9112, 6.3)
      if (!headers.has("Transfer-Encoding") && Number(headers.get("Content-Length")) > most) {
        throw tooLargeWhole(most, lift)
      }
      const pieces: Array<Uint8Array> = []
      let length = 0
      if (body === null) return Buffer.alloc(0)
      const reader: ReadableStreamDefaultReader<Uint8Array> = body.getReader()
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        pieces.push(next.value)
        length += next.value.length
        if (length <= most) continue
        await reader.cancel()
        throw tooLargeWhole(most, lift)
      }
      return Buffer.concat(pieces, length)
    }
  }
  return (limits, input, init) => new BoundedRequest(limits, input, init)
}

// Parses a long form one part in a tick, so that other requests are served.
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

// drops the byte order mark, as the standard does
const decoder = new TextDecoder()

// copies, because a Buffer may be a part of a pool
const copyOf = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const copy = new Uint8Array(new ArrayBuffer(bytes.length))
  copy.set(bytes)
  return copy
}
