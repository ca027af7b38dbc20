/**
 * Files as responses, whole or in part. The platform's own service sends one byte too many of a range, sends no ranges of a web
 * File, and opens files whose responses are never sent.
 *
 * @since 0.2.0
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeHttpPlatform from "@effect/platform-node/NodeHttpPlatform"
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Etag from "@effect/platform/Etag"
import * as FileSystem from "@effect/platform/FileSystem"
import type { HttpBody } from "@effect/platform/HttpBody"
import * as HttpPlatform from "@effect/platform/HttpPlatform"
import * as ServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { createReadStream } from "node:fs"

type Given = ServerResponse.Options & FileSystem.StreamOptions

/**
 * The part of a file that `offset` and `bytesToRead` select, within the file.
 *
 * @since 0.2.0
 * @category models
 */
export interface Range {
  readonly start: number
  readonly length: number
}

/**
 * The requested range, as far as the file has it.
 *
 * @since 0.2.0
 * @category conversions
 */
export const rangeOf = (size: number, given: FileSystem.StreamOptions | undefined): Range => {
  const start = Math.min(Math.max(Number(given?.offset ?? 0), 0), size)
  return { start, length: Math.min(Math.max(Number(given?.bytesToRead ?? Infinity), 0), size - start) }
}

/** The part of a file that a response sends. */
interface Content {
  readonly name: string
  readonly tag: Etag.Etag
  readonly modified: Date | undefined
  readonly range: Range
  /** The bytes of the range. */
  readonly read: () => Stream.Stream<Uint8Array, unknown>
}

const make = Effect.gen(function*() {
  const files = yield* FileSystem.FileSystem
  const tags = yield* Etag.Generator
  const platform = yield* HttpPlatform.HttpPlatform

  // Only the platform knows the type for a name. It gives the type with the response for a file, which is empty here.
  const respond = (content: Content, given: Given | undefined): Effect.Effect<ServerResponse.HttpServerResponse> =>
    Effect.map(
      platform.fileWebResponse({
        name: content.name,
        lastModified: 0,
        size: 0,
        type: "",
        stream: () => new Blob([]).stream()
      }),
      (empty) => responseOf(content, given, empty.headers["content-type"])
    )

  return HttpPlatform.HttpPlatform.of({
    [HttpPlatform.TypeId]: HttpPlatform.TypeId,
    fileResponse: (path, given) =>
      Effect.gen(function*() {
        const info = yield* files.stat(path)
        const tag = yield* tags.fromFileInfo(info)
        const range = rangeOf(Number(info.size), given)
        const modified = Option.getOrUndefined(info.mtime)
        return yield* respond({ name: path, tag, modified, range, read: () => readPath(path, range, given) }, given)
      }),
    fileWebResponse: (file, given) =>
      Effect.gen(function*() {
        const tag = yield* tags.fromFileWeb(file)
        const range = rangeOf(file.size, given)
        const modified = new Date(file.lastModified)
        return yield* respond({ name: file.name, tag, modified, range, read: () => read(file, range) }, given)
      })
  })
})

// `type` is the type for the file's name. What the program gives takes precedence.
const responseOf = (
  { modified, range, read, tag }: Content,
  given: Given | undefined,
  type: string | undefined
): ServerResponse.HttpServerResponse => {
  const head = ServerResponse.empty({
    status: given?.status ?? 200,
    statusText: given?.statusText,
    headers: given?.headers,
    cookies: given?.cookies
  })
  const contentType = given?.contentType ?? head.headers["content-type"] ?? type
  return ServerResponse.stream(range.length === 0 ? Stream.empty : Stream.suspend(read), {
    status: head.status,
    statusText: head.statusText,
    cookies: head.cookies,
    headers: {
      ...head.headers,
      etag: Etag.toString(tag),
      ...(modified === undefined ? undefined : { "last-modified": modified.toUTCString() }),
      "content-type": contentType,
      "content-length": String(range.length)
    },
    contentType,
    contentLength: range.length
  })
}

const readPath = (
  path: string,
  { length, start }: Range,
  given: Given | undefined
): Stream.Stream<Uint8Array, unknown> => {
  const highWaterMark = given?.chunkSize === undefined ? undefined : Number(given.chunkSize)
  return NodeStream.fromReadable<unknown>(
    () => createReadStream(path, { start, end: start + length - 1, highWaterMark }),
    (cause) => cause
  )
}

const read = (file: HttpBody.FileLike, { length, start }: Range): Stream.Stream<Uint8Array, unknown> => {
  if (file instanceof Blob) return contentOf(file.slice(start, start + length))
  // an object that only has the interface of a file cannot be sliced, so the bytes before the range are read and dropped
  return Stream.suspend(() => {
    let at = 0
    return contentOf(file).pipe(
      Stream.takeUntil((piece) => (at += piece.length) >= start + length),
      Stream.mapAccum(0, (before, piece) => [
        before + piece.length,
        piece.subarray(Math.max(start - before, 0), Math.max(start + length - before, 0))
      ]),
      Stream.filter((piece) => piece.length > 0)
    )
  })
}

const contentOf = (file: Pick<HttpBody.FileLike, "stream">): Stream.Stream<Uint8Array, unknown> => {
  const content = file.stream()
  return content instanceof ReadableStream
    ? Stream.fromReadableStream<Uint8Array, unknown>(() => content, (cause) => cause)
    : Stream.die(new TypeError("the content of a file is a ReadableStream of bytes"))
}

/**
 * The `HttpPlatform` of this server: `HttpServerResponse.file` and `fileWeb` send the `bytesToRead` bytes from `offset` on, as
 * far as the file has them, with the correct Content-Length. A file is opened when its response is sent.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<HttpPlatform.HttpPlatform> = Layer.effect(HttpPlatform.HttpPlatform, make).pipe(
  Layer.provide(Layer.mergeAll(NodeHttpPlatform.layer, Etag.layer, NodeContext.layer))
)
