/** Forms of several parts, and the answers of each door. */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type * as Multipart from "@effect/platform/Multipart"
import * as Effect from "effect/Effect"
import { identity } from "effect/Function"
import * as Stream from "effect/Stream"
import { Buffer } from "node:buffer"
import { fetchApp, type ServerOptions } from "tsgi"
import { TsgiHttpServer } from "tsgi/effect"
import { kinds, nothingSeen, serve } from "../platform/scene.js"
import { withServer } from "../utils/serving.js"

// Node 20 finds a short boundary within a line
export const boundary = "edge0123456789"
export const contentType = `multipart/form-data; boundary=${boundary}`
export const field = (name: string, value: string): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`
export const file = (name: string, filename: string, content: string, type = "text/plain"): string =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\nContent-Type: ${type}\r\n\r\n${content}\r\n`
export const form = (...parts: ReadonlyArray<string>): string => `${parts.join("")}--${boundary}--\r\n`
export const times = (count: number, part: string): ReadonlyArray<string> => Array.from({ length: count }, () => part)

/** A request with a form, with its length or in chunks. */
export const posted = (body: string, coding = "length"): Buffer => {
  const bytes = Buffer.from(body)
  const head = `POST / HTTP/1.1\r\nHost: a\r\nContent-Type: ${contentType}\r\n`
  return coding === "length"
    ? Buffer.concat([Buffer.from(`${head}Content-Length: ${bytes.length}\r\n\r\n`), bytes])
    : Buffer.concat([
      Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${bytes.length.toString(16)}\r\n`),
      bytes,
      Buffer.from("\r\n0\r\n\r\n")
    ])
}

/** Entries of a form, with the contents of its files. */
export const entriesOf = (form: FormData): Promise<ReadonlyArray<unknown>> =>
  Promise.all(
    [...form].map(async ([name, value]) =>
      typeof value === "string" ? [name, value] : [name, value.name, value.type, await value.text()]
    )
  )

/** The status with which an application of `fetchApp` answers a form, and what it has read, or the reason why it has not. */
export const answeredByFetchApp = async (
  body: string,
  forms: ServerOptions["forms"] = {},
  coding = "length",
  more: ServerOptions = {}
): Promise<{ readonly status: number; readonly read: ReadonlyArray<unknown> }> => {
  const read: Array<unknown> = []
  let status = 0
  const app = fetchApp(async (request) => {
    try {
      read.push(...await entriesOf(await request.formData()))
    } catch (error) {
      read.push(error instanceof Error ? error.message : error)
      throw error
    }
    return new Response("read")
  })
  await withServer(app, { forms, ...more }, async ({ ask }) => {
    status = (await ask(posted(body, coding))).status
  })
  return { status, read }
}

type Reading = Effect.Effect<
  unknown,
  Multipart.MultipartError,
  Effect.Effect.Context<HttpServerRequest.HttpServerRequest["multipart"]>
>
export type Within = <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** The ways in which an application of the Effect door reads a form. */
export const readers = {
  multipart: (request) => request.multipart,
  multipartStream: (request) =>
    Stream.runForEach(request.multipartStream, (part) => part._tag === "File" ? part.contentEffect : Effect.void)
} satisfies Readonly<Record<string, (request: HttpServerRequest.HttpServerRequest) => Reading>>

/** The status with which the Effect door answers a form if failures are left to the platform, and their messages. */
export const answeredByEffect = (
  reader: (request: HttpServerRequest.HttpServerRequest) => Reading,
  body: string,
  forms: TsgiHttpServer.DoorOptions["forms"] = {},
  within: Within = identity,
  coding = "length"
) =>
  Effect.gen(function*() {
    const read: Array<string> = []
    const handler = HttpServerRequest.HttpServerRequest.pipe(
      Effect.flatMap((request) => within(reader(request))),
      Effect.tapError((error) => Effect.sync(() => read.push(error.message))),
      Effect.as(HttpServerResponse.text("read")),
      Effect.provide(TsgiHttpServer.layerContext),
      Effect.orDie
    )
    const scene = yield* serve(kinds.HttpApp(handler), nothingSeen(), { memory: true, door: { forms } })
    const client = yield* Effect.acquireRelease(
      Effect.promise(scene.connect),
      (client) => Effect.sync(() => client.close())
    )
    client.send(posted(body, coding))
    const { status } = yield* Effect.promise(() => client.response())
    return { status, read }
  })
