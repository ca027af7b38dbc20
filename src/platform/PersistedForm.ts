/**
 * A form with its files on disk.
 *
 * The platform's own way writes every file to the name that the client gave it: of two files of one name the first is lost,
 * and a name such as `..` is a failure of the server.
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
 * Writes the files of a form to a folder of their own, which is there for as long as the scope is open. Of several fields of
 * one name all values are kept, in order, and likewise of files. A name that both have is that of what comes last, as with
 * @effect/platform.
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
      // where a form asks for a file, and nobody chose one
      if (part.name === "") return Effect.void
      const file = new PersistedFile(part, paths.join(folder, names.next(part.name)))
      if (isFiles(before)) before.push(file)
      else form.set(part.key, [file])
      return Effect.mapError(
        Stream.run(part.content, files.sink(file.path)),
        // one of a form knows its answer already
        (cause) => cause._tag === "MultipartError" ? cause : notWritten(cause)
      )
    })
    // a name such as `__proto__` is one like any other here
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

/** Bytes of a name, of the 255 that file systems have: some are for the number of one that is there already. */
const mostBytes = 200

/** Names in one folder for files that clients have named. */
class FileNames {
  private readonly taken = new Set<string>()

  /** The last part of a client's path, as far as it is a name; another one where it is taken. */
  next(path: string): string {
    const name = safe(path)
    let free = name
    for (let n = this.taken.size + 1; this.taken.has(folded(free)); n++) free = `${n}-${name}`
    this.taken.add(folded(free))
    return free
  }
}

// to some file systems names that differ in case only are one
const folded = (name: string): string => name.normalize("NFKC").toUpperCase().toLowerCase()

const safe = (path: string): string => {
  // what no file system has in a name, and halves of characters
  const characters = [...(path.split(/[/\\]/).at(-1) ?? "").replace(/\p{C}/gu, "_")]
  let bytes = 0
  let from = characters.length
  while (from > 0 && (bytes += Buffer.byteLength(characters[from - 1])) <= mostBytes) from--
  const name = characters.slice(from).join("")
  return /^\.*$/.test(name) ? "file" : name
}
