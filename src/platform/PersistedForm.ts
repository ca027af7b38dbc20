/**
 * A form with its files on disk.
 *
 * The platform writes every file under the name that the client gave it. Of two files with the same name the first is lost, and a
 * name such as `..` makes the server fail.
 *
 * @since 0.2.0
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Multipart from "@effect/platform/Multipart"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { PartBase } from "./FormReader.js"

/**
 * Writes the files of a form to a folder of their own, which exists as long as the scope is open. Several fields with the same
 * name keep all their values, in order, and so do several files. If a field and a file have the same name, the last one is kept,
 * as with @effect/platform.
 *
 * @since 0.2.0
 * @category conversions
 */
export const persist = (
  parts: Stream.Stream<Multipart.Part, Multipart.MultipartError>
): Effect.Effect<
  Multipart.Persisted,
  Multipart.MultipartError,
  Scope.Scope | FileSystem.FileSystem | Path.Path
> =>
  Effect.gen(function*() {
    const files = yield* FileSystem.FileSystem
    const paths = yield* Path.Path
    const folder = yield* Effect.mapError(files.makeTempDirectoryScoped(), notWritten)
    const names = new FileNames()
    const form = new Map<string, Array<string> | Array<PersistedFile>>()
    yield* Stream.runForEach(parts, (part) => {
      const before = form.get(part.key)
      if (part._tag === "Field") {
        if (isFields(before)) before.push(part.value)
        else form.set(part.key, [part.value])
        return Effect.void
      }
      // this is a file input without a file
      if (part.name === "") return Effect.void
      const file = new PersistedFile(part, paths.join(folder, names.next(part.name)))
      if (isFiles(before)) before.push(file)
      else form.set(part.key, [file])
      return Effect.mapError(
        Stream.run(part.content, files.sink(file.path)),
        // an error of the form already has its response
        (cause) => cause._tag === "MultipartError" ? cause : notWritten(cause)
      )
    })
    // `fromEntries` treats a name such as `__proto__` like any other
    return Object.fromEntries(
      Array.from(form, ([key, values]) => [key, isFields(values) && values.length === 1 ? values[0] : values])
    )
  })

const isFields = (values: Array<string> | Array<PersistedFile> | undefined): values is Array<string> =>
  typeof values?.[0] === "string"

const isFiles = (values: Array<string> | Array<PersistedFile> | undefined): values is Array<PersistedFile> =>
  typeof values?.[0] === "object"

const notWritten = (cause: unknown): Multipart.MultipartError =>
  new Multipart.MultipartError({ reason: "InternalError", cause })

class PersistedFile extends PartBase implements Multipart.PersistedFile {
  readonly _tag = "PersistedFile"
  readonly name: string

  constructor({ contentType, key, name }: Multipart.File, readonly path: string) {
    super(key, contentType)
    this.name = name
  }

  toJSON(): unknown {
    const { contentType, key, name, path } = this
    return { _id: "@effect/platform/Multipart/Part", _tag: "PersistedFile", key, name, contentType, path }
  }
}

/** The most bytes of a name. File systems allow 255; the rest is for the number that makes a name unique. */
const mostBytes = 200

/** Unique names in one folder, from the names that clients gave. */
class FileNames {
  private readonly taken = new Set<string>()

  /** The last part of a client's path, made safe and unique. */
  next(path: string): string {
    const name = safe(path)
    let free = name
    for (let n = this.taken.size + 1; this.taken.has(folded(free)); n++) free = `${n}-${name}`
    this.taken.add(folded(free))
    return free
  }
}

// some file systems ignore case
const folded = (name: string): string => name.normalize("NFKC").toUpperCase().toLowerCase()

const safe = (path: string): string => {
  // control characters and lone surrogates are replaced
  const characters = [...(path.split(/[/\\]/).at(-1) ?? "").replace(/\p{C}/gu, "_")]
  let bytes = 0
  let from = characters.length
  while (from > 0 && (bytes += Buffer.byteLength(characters[from - 1])) <= mostBytes) from--
  const name = characters.slice(from).join("")
  return /^\.*$/.test(name) ? "file" : name
}
