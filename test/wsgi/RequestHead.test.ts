/** A3: request lines and fields that are refused, and what a request without a length means. */
import type { App } from "tsgi"
import type { WireResponse } from "tsgi/testing"
import { describe, expect, it } from "vitest"
import { chunked, get, head } from "../utils/requests.js"
import { echo, hello, withServer } from "../utils/serving.js"

const longPath = `/${Array.from({ length: 3000 }, () => "path").join("/")}`

const expectRefused = (response: WireResponse, status: number): void => {
  expect(response.status).toBe(status)
  expect(response.get("Connection")).toBe("close")
}

describe("limits", () => {
  it("test_006_reject_long_urls", () =>
    withServer(hello, {}, async ({ ask }) => {
      expectRefused(await ask(head(`GET ${longPath} HTTP/1.0`, "Host: localhost")), 414)
      expectRefused(await ask(get(longPath)), 414)
    }))

  it("test_configurable_url_length_limit", () =>
    withServer(hello, { urlLengthLimit: 20_000 }, async ({ ask }) => {
      const response = await ask(head(`GET /${"x".repeat(15_000)} HTTP/1.0`, "Host: localhost"))
      expect(response.status).toBe(200)
      expectRefused(await ask(get(`/${"x".repeat(20_000)}`)), 414)
    }))

  it("test_030_reject_long_header_lines", () =>
    withServer(hello, {}, async ({ ask }) => {
      expectRefused(await ask(head("GET / HTTP/1.0", "Host: localhost", `Long: ${"a".repeat(10_000)}`)), 431)
    }))

  it("test_031_reject_large_headers", () =>
    withServer(hello, {}, async ({ ask }) => {
      const lines = Array.from({ length: 20 }, () => `Name: ${"a".repeat(7000)}`)
      expectRefused(await ask(head("GET / HTTP/1.0", "Host: localhost", ...lines)), 431)
    }))
})

describe("framing", () => {
  it("test_023_bad_content_length", () =>
    withServer(hello, {}, async ({ ask }) => {
      for (const field of ["Content-Length: argh", "Content-length:", "Content-length: ", "Content-length: -10"]) {
        const response = await ask(head("GET / HTTP/1.0", "Host: localhost", field))
        expectRefused(response, 400)
        expect(response.reason).toBe("Bad Request")
        expect(response.body.toString()).toContain("MalformedContentLength")
      }
    }))

  it("test_rfc9112_reject_bad_request", async () => {
    let calls = 0
    const app: App = (env, startResponse) => {
      calls++
      return echo(env, startResponse)
    }
    await withServer(app, {}, async ({ connect, log }) => {
      const client = await connect()
      const body = chunked(["abc"])
      client.send(
        head("POST / HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", `Content-Length: ${body.length}`) +
          body
      )
      const response = await client.response()
      expectRefused(response, 400)
      expect(response.body.toString()).toMatch(/Content-Length and Transfer-Encoding/)
      await client.whenEnded()
      expect(client.unread).toHaveLength(0)
      expect(calls).toBe(0)
      expect(await log.until(/"POST \/ HTTP\/1\.1" 400 /)).toBeDefined()
    })
  })

  it("test_content_length_and_transfer_encoding_escape_hatch", () =>
    withServer(echo, { parser: { allowContentLengthWithTransferEncoding: true } }, async ({ connect }) => {
      const client = await connect()
      client.send(
        head("POST / HTTP/1.1", "Host: localhost", "Content-Length: 2", "Transfer-Encoding: chunked") +
          chunked(["abc", "de"])
      )
      const response = await client.response()
      expect(response.status).toBe(200)
      expect(response.body.toString()).toBe("abcde")
      expect(response.get("Connection")).toBe("close")
      await client.whenEnded()
    }))

  it("test_no_content_length_or_transfer_encoding", () =>
    withServer(echo, {}, async ({ connect }) => {
      const client = await connect()
      for (const method of ["POST", "PUT", "GET"]) {
        client.send(head(`${method} / HTTP/1.1`, "Host: localhost"))
        const response = await client.response()
        expect(response.status).toBe(200)
        expect(response.get("Content-Length")).toBe("0")
        expect(response.get("Connection")).toBeUndefined()
      }
    }))
})
