/**
 * The parts of a form (RFC 7578), as they arrive.
 *
 * If the body fails or ends within a file, the platform's own reader loops for ever, and that of platform-node throws an uncaught
 * exception. This reader fails the streams of parts and of the file.
 *
 * @since 0.1.0
 */
import type * as Headers from "@effect/platform/Headers"
import * as Multipart from "@effect/platform/Multipart"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as MP from "multipasta"
import { setImmediate } from "node:timers"
import type { Exchange } from "../exchange/Exchange.js"
import { BodyError } from "../exchange/ServerError.js"
import { join } from "../protocol/octets.js"
import * as ContentDisposition from "../server/ContentDisposition.js"
import type { FormLimits } from "../server/FormLimits.js"
import { malformedName } from "../server/malformedForm.js"
import * as BodyReader from "./BodyReader.js"
import * as FormConfig from "./FormConfig.js"
import * as FormError from "./FormError.js"

/** The most bytes of a file that are kept for its reader while the next part is awaited. */
const mostHeld = 65_536

/**
 * The parts of a form. A file must be read before the next part is pulled, or concurrently. Of a file that is not read, only the
 * beginning is kept.
 *
 * @since 0.1.0
 */
export const stream = (
  exchange: Exchange,
  headers: Headers.Headers,
  limits: FormLimits
): Stream.Stream<Multipart.Part, Multipart.MultipartError> =>
  Stream.unwrap(Effect.map(
    FormConfig.resolve(headers, limits),
    (config) => Stream.repeatEffectChunkOption(new FormReader(exchange, config).next)
  ))

class FormReader {
  private readonly parser: MP.Parser
  private parts: Array<Multipart.Part> = []
  private file: FilePart | undefined = undefined
  private result: "Complete" | Multipart.MultipartError | undefined = undefined
  private onProgress: (() => void) | undefined = undefined
  private fields = 0
  private fieldsSize = 0
  private files = 0

  constructor(private readonly exchange: Exchange, private readonly config: FormConfig.FormConfig) {
    this.parser = MP.make({
      ...config.parser,
      isFile: (info) => (config.parser.isFile ?? MP.defaultIsFile)(ContentDisposition.complete(info)),
      onField: (info, value) => this.addField(ContentDisposition.complete(info), value),
      onFile: (info) => this.addFile(ContentDisposition.complete(info)),
      onError: (error) => this.end(FormError.fromParser(error, config)),
      onDone: () => this.end("Complete")
    })
  }

  private addField(info: MP.PartInfo, value: Uint8Array): void {
    // after an error the parser goes on to the end of a piece
    if (this.result !== undefined) return
    const { fields, fieldsSize } = this.config
    if (++this.fields > fields.most) return this.end(FormError.tooMuch("TooManyParts", fields))
    if ((this.fieldsSize += value.length) > fieldsSize.most) {
      return this.end(FormError.tooMuch("FieldTooLarge", fieldsSize))
    }
    this.parts.push(new FieldPart(info, value))
  }

  private addFile(info: MP.PartInfo): (bytes: Uint8Array | null) => void {
    const { files, fileSize } = this.config
    if (++this.files > files.most) this.end(FormError.tooMuch("TooManyParts", files))
    if (this.result !== undefined) return () => undefined
    const file = new FilePart(info, this)
    let length = 0
    this.file = file
    this.parts.push(file)
    return (bytes) => {
      if (bytes === null) file.complete()
      else if ((length += bytes.length) > fileSize.most) this.end(FormError.tooMuch("FileTooLarge", fileSize))
      else file.add(bytes)
    }
  }

  /** The reason why no more of a file will arrive. */
  get failure(): Multipart.MultipartError | undefined {
    return this.result === "Complete" ? FormError.fromParser({ _tag: "EndNotReached" }, this.config) : this.result
  }

  /** The parts that have arrived, the end, or the error. */
  readonly next: Effect.Effect<Chunk.Chunk<Multipart.Part>, Option.Option<Multipart.MultipartError>> = Effect.suspend(
    () => {
      if (this.parts.length > 0) {
        const { parts } = this
        this.parts = []
        return Effect.succeed(Chunk.unsafeFromArray(parts))
      }
      if (this.result !== undefined) {
        return Effect.fail(this.result === "Complete" ? Option.none() : Option.some(this.result))
      }
      return Effect.zipRight(this.file === undefined ? this.advance : this.advanceBeside(this.file), this.next)
    }
  )

  /** Reads a piece of the body, or waits until there is one. */
  readonly advance: Effect.Effect<void> = Effect.suspend(() => {
    const taken = this.exchange.body.take()
    if (taken === undefined) return BodyReader.arrival(this.exchange)
    if (taken instanceof BodyError) this.end(new FormError.UnreadableForm(taken))
    else {
      try {
        if (taken instanceof Uint8Array) this.parser.write(taken)
        else this.parser.end()
      } catch (cause) {
        this.end(FormError.malformed(malformedName, cause))
      }
      // the parser accepts a body without any boundary
      if (!(taken instanceof Uint8Array)) this.end(FormError.fromParser({ _tag: "EndNotReached" }, this.config))
    }
    return Effect.void
  })

  /** Called when a file was read or completed, or when no more of it will arrive. */
  progress(): void {
    const { onProgress } = this
    this.onProgress = undefined
    onProgress?.()
  }

  // Looks for the next part while a file is still arriving. The reader of a file advances by itself.
  private advanceBeside(file: FilePart): Effect.Effect<void> {
    if (file.isComplete || (!file.isRead && file.held <= mostHeld)) return this.advance
    if (file.isRead) {
      return Effect.async<void>((resume) => {
        this.onProgress = () => resume(Effect.void)
        return Effect.sync(() => {
          this.onProgress = undefined
        })
      })
    }
    // another fiber may be about to read the file
    return Effect.async<void>((resume) => {
      setImmediate(() => {
        if (!file.isRead) file.dropRest()
        resume(Effect.void)
      })
    })
  }

  private end(how: "Complete" | Multipart.MultipartError): void {
    this.result ??= how
    this.progress()
  }
}

/**
 * The base of all parts of a form.
 *
 * @since 0.2.0
 */
export abstract class PartBase extends Inspectable.Class {
  readonly [Multipart.TypeId]: Multipart.TypeId = Multipart.TypeId

  constructor(readonly key: string, readonly contentType: string) {
    super()
  }
}

class FieldPart extends PartBase implements Multipart.Field {
  readonly _tag = "Field"
  readonly value: string

  constructor(info: MP.PartInfo, value: Uint8Array) {
    super(info.name, info.contentType)
    this.value = MP.decodeField(info, value)
  }

  toJSON(): unknown {
    const { contentType, key, value } = this
    return { _id: "@effect/platform/Multipart/Part", _tag: "Field", key, contentType, value }
  }
}

class FilePart extends PartBase implements Multipart.File {
  readonly _tag = "File"
  readonly name: string
  /** Bytes that were not yet read. */
  held = 0
  isComplete = false
  isRead = false
  private pieces: Array<Uint8Array> = []
  private isDropped = false

  constructor(info: MP.PartInfo, private readonly form: FormReader) {
    super(info.name, info.contentType)
    this.name = info.filename ?? info.name
  }

  readonly content: Stream.Stream<Uint8Array, Multipart.MultipartError> = Stream.suspend(() => {
    this.isRead = true
    return Stream.ensuring(
      Stream.repeatEffectChunkOption(this.next),
      Effect.sync(() => this.dropRest())
    )
  })

  get contentEffect(): Effect.Effect<Uint8Array, Multipart.MultipartError> {
    return Effect.map(Stream.runCollect(this.content), (pieces) => join(Chunk.toReadonlyArray(pieces)))
  }

  add(bytes: Uint8Array): void {
    if (this.isDropped) return
    this.pieces.push(bytes)
    this.held += bytes.length
  }

  complete(): void {
    this.isComplete = true
    this.form.progress()
  }

  /** Called when the reader has ended. Drops the rest of the file. */
  dropRest(): void {
    this.isRead = false
    if (!this.isComplete) {
      this.isDropped = true
      this.pieces = []
      this.held = 0
    }
    this.form.progress()
  }

  toJSON(): unknown {
    const { contentType, key, name } = this
    return { _id: "@effect/platform/Multipart/Part", _tag: "File", key, name, contentType }
  }

  private readonly next: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<Multipart.MultipartError>> = Effect
    .suspend(() => {
      if (this.pieces.length > 0) {
        const { pieces } = this
        this.pieces = []
        this.held = 0
        return Effect.succeed(Chunk.unsafeFromArray(pieces))
      }
      if (this.isDropped) return Effect.fail(Option.some(leftUnread(this.name)))
      if (this.isComplete) return Effect.fail(Option.none())
      const { failure } = this.form
      return failure === undefined ? Effect.zipRight(this.form.advance, this.next) : Effect.fail(Option.some(failure))
    })
}

const leftUnread = (name: string): Multipart.MultipartError =>
  new Multipart.MultipartError({
    reason: "InternalError",
    cause: new Error(`the file ${JSON.stringify(name)} was left unread when the next part was asked for`)
  })
