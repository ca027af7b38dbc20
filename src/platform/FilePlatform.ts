/**
 * Files as responses, whole or in part. The platform's own service sends one byte more of a range than was asked for, does not send
 * ranges of a web File, and opens a file whose response may never be sent.
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
 * @since 0.2.0
 * @category conversions
 */
export const rangeOf = (size: number, given: FileSystem.StreamOptions | undefined): Range => {
  const start = Math.min(Math.max(Number(given?.offset ?? 0), 0), size)
  return { start, length: Math.min(Math.max(Number(given?.bytesToRead ?? Infinity), 0), size - start) }
}

const make = Effect.gen(function*() {
  const files = yield* FileSystem.FileSystem
  const tags = yield* Etag.Generator
  const platform = yield* HttpPlatform.HttpPlatform

  // Only the platform knows the type for a name, and gives it with the response for a file. Here that is an empty one.
  const typeOf = (name: string): Effect.Effect<string | undefined> =>
    Effect.map(
      platform.fileWebResponse({ name, lastModified: 0, size: 0, type: "", stream: () => new Blob([]).stream() }),
      (response) => response.headers["content-type"]
    )

  const respond = (
    name: string,
    tag: Etag.Etag,
    modified: Date | undefined,
    given: Given | undefined,
    range: Range,
    read: () => Stream.Stream<Uint8Array, unknown>
  ): Effect.Effect<ServerResponse.HttpServerResponse> =>
    Effect.map(typeOf(name), (type) => {
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
    })

  return HttpPlatform.HttpPlatform.of({
    [HttpPlatform.TypeId]: HttpPlatform.TypeId,
    fileResponse: (path, given) =>
      Effect.flatMap(files.stat(path), (info) =>
        Effect.flatMap(tags.fromFileInfo(info), (tag) => {
          const range = rangeOf(Number(info.size), given)
          const { length, start } = range
          const highWaterMark = given?.chunkSize === undefined ? undefined : Number(given.chunkSize)
          return respond(path, tag, Option.getOrUndefined(info.mtime), given, range, () =>
            NodeStream.fromReadable<unknown>(
              () =>
                createReadStream(path, { start, end: start + length - 1, highWaterMark }),
              (cause) =>
                cause
            ))
        })),
    fileWebResponse: (file, given) =>
      Effect.flatMap(tags.fromFileWeb(file), (tag) => {
        const range = rangeOf(file.size, given)
        return respond(file.name, tag, new Date(file.lastModified), given, range, () => read(file, range))
      })
  })
})

const read = (file: HttpBody.FileLike, { length, start }: Range): Stream.Stream<Uint8Array, unknown> => {
  if (file instanceof Blob) return contentOf(file.slice(start, start + length))
  // what only has the interface of a file cannot be sliced: the bytes before the range are read and dropped
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
 * The `HttpPlatform` of this server: `HttpServerResponse.file` and `fileWeb` send the `bytesToRead` bytes from `offset` on, as far
 * as the file has them, with the right Content-Length. A file is opened when its response is sent.
 *
 * @since 0.2.0
 * @category layers
 */
export const layer: Layer.Layer<HttpPlatform.HttpPlatform> = Layer.effect(HttpPlatform.HttpPlatform, make).pipe(
  Layer.provide(Layer.mergeAll(NodeHttpPlatform.layer, Etag.layer, NodeContext.layer))
)
