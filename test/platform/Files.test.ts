/** Parts of files: as many bytes as were requested, as far as the file has them, with that Content-Length. */
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { TsgiHttpServer } from "tsgi/effect"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { rangeOf } from "../../src/platform/FilePlatform.js"
import { request } from "../utils/requests.js"
import { connect } from "../utils/sockets.js"

const content = Uint8Array.from({ length: 200_000 }, (_, i) => i * 7 % 251)
let folder = ""
let file = ""

beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "tsgi-files-"))
  file = path.join(folder, "picture.png")
  fs.writeFileSync(file, content)
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

/** A file that cannot be sliced, such as some libraries give. */
const likeness = (of: File) => ({
  name: of.name,
  lastModified: of.lastModified,
  size: of.size,
  type: of.type,
  stream: () => of.stream()
})

type Options = NonNullable<Parameters<typeof HttpServerResponse.file>[1]>

const web = (options?: Options) =>
  HttpServerResponse.fileWeb(new File([content], "picture.png", { lastModified: 1_000_000 }), options)

const ways: Record<string, (options?: Options) => ReturnType<typeof HttpServerResponse.file>> = {
  file: (options) => HttpServerResponse.file(file, options),
  fileWeb: web,
  "fileWeb of what cannot be cut": (options) =>
    HttpServerResponse.fileWeb(likeness(new File([content], "picture.png")), options)
}

const layers = {
  layer: () => TsgiHttpServer.layer({ host: "127.0.0.1", port: 0 }),
  layerConfig: () => TsgiHttpServer.layerConfig({ host: Config.succeed("127.0.0.1"), port: Config.succeed(0) }),
  layerTest: () => TsgiHttpServer.layerTest,
  "layerServer with layerContext": () =>
    Layer.merge(TsgiHttpServer.layerServer({ host: "127.0.0.1", port: 0 }), TsgiHttpServer.layerContext)
}

const ask = (
  answer: ReturnType<typeof HttpServerResponse.file>,
  method = "GET",
  layer: () => Layer.Layer<
    HttpServer.HttpServer | Effect.Effect.Context<ReturnType<typeof HttpServerResponse.file>>,
    unknown
  > = layers.layer
) =>
  Effect.gen(function*() {
    const { address } = yield* HttpServer.HttpServer
    const port = address._tag === "TcpAddress" ? address.port : 0
    return yield* Effect.promise(async () => {
      await using client = await connect(port)
      client.send(request(method, "/"))
      return await client.response(method)
    })
  }).pipe(
    Effect.provide(
      HttpServer.serve(Effect.zipRight(HttpServerRequest.HttpServerRequest, Effect.orDie(answer))).pipe(
        Layer.provideMerge(layer())
      )
    ),
    Effect.scoped,
    Effect.runPromise
  )

const ranges: ReadonlyArray<readonly [Options, start: number, end: number]> = [
  [{}, 0, 200_000],
  [{ bytesToRead: 5 }, 0, 5],
  [{ offset: 10 }, 10, 200_000],
  [{ offset: 10, bytesToRead: 5 }, 10, 15],
  [{ offset: 10, bytesToRead: 1 }, 10, 11],
  [{ offset: 10n, bytesToRead: 100_000n }, 10, 100_010],
  [{ offset: 70_000, bytesToRead: 65_536, chunkSize: 1000 }, 70_000, 135_536],
  [{ bytesToRead: 0 }, 0, 0],
  [{ offset: 10, bytesToRead: 0 }, 10, 10],
  [{ offset: 199_999 }, 199_999, 200_000],
  [{ offset: 199_990, bytesToRead: 50 }, 199_990, 200_000],
  [{ offset: 200_000 }, 0, 0],
  [{ offset: 300_000, bytesToRead: 5 }, 0, 0],
  [{ offset: -5, bytesToRead: 5 }, 0, 5]
]

for (const [name, way] of Object.entries(ways)) {
  describe(name, () => {
    for (const [options, start, end] of ranges) {
      const what = Object.entries(options).map(([key, value]) => `${key} ${value}`).join(", ")
      it(what === "" ? "whole" : what, async () => {
        const response = await ask(way(options))
        expect(response.status).toBe(200)
        expect(response.get("content-length")).toBe(String(end - start))
        expect(response.get("content-type")).toBe("image/png")
        expect(response.get("etag")).toMatch(/^(W\/)?"/)
        expect(response.get("last-modified")).toMatch(/GMT$/)
        expect(Buffer.compare(response.body, content.subarray(start, end))).toBe(0)
      })
    }

    it("the head of a part, to HEAD", async () => {
      const response = await ask(way({ offset: 10, bytesToRead: 5 }), "HEAD")
      expect([response.status, response.get("content-length"), response.body.length]).toEqual([200, "5", 0])
    })

    it("status, fields and type are those that were given", async () => {
      const response = await ask(way({
        status: 206,
        headers: { "content-range": "bytes 10-14/200000", "content-type": "text/x-own" },
        offset: 10,
        bytesToRead: 5
      }))
      expect([response.status, response.get("content-range"), response.get("content-type"), response.body.length])
        .toEqual([206, "bytes 10-14/200000", "text/x-own", 5])
    })
  })
}

for (const [name, layer] of Object.entries(layers)) {
  it(`${name} has it`, async () => {
    const response = await ask(ways.file({ offset: 10, bytesToRead: 5 }), "GET", layer)
    expect([response.get("content-length"), response.body.length]).toEqual(["5", 5])
  })
}

it("the part of a file that is none", () => {
  expect(rangeOf(0, undefined)).toEqual({ start: 0, length: 0 })
  expect(rangeOf(0, { offset: 5, bytesToRead: 5 })).toEqual({ start: 0, length: 0 })
  expect(rangeOf(10, { bytesToRead: -1 })).toEqual({ start: 0, length: 0 })
})

it("a file is not opened for a response that is never sent", async () => {
  const gone = path.join(folder, "gone.txt")
  fs.writeFileSync(gone, "hello")
  const response = await Effect.runPromise(Effect.provide(HttpServerResponse.file(gone), TsgiHttpServer.layerContext))
  fs.rmSync(gone)
  expect(response.body._tag).toBe("Stream")
  if (response.body._tag !== "Stream") return
  const read = await Effect.runPromise(Effect.flip(Stream.runDrain(response.body.stream)))
  expect(read).toMatchObject({ code: "ENOENT" })
})

it("a file that is not there fails as before", async () => {
  const missing = HttpServerResponse.file(path.join(folder, "nothing"))
  const error = await Effect.runPromise(Effect.flip(Effect.provide(missing, TsgiHttpServer.layerContext)))
  expect(error).toMatchObject({ _tag: "SystemError", reason: "NotFound" })
})
